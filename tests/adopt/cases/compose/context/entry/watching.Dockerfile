FROM python:3.13
ENTRYPOINT ["/watching.sh"]
