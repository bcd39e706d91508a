FROM python:3.13
ENTRYPOINT ["/traced.sh"]
