FROM python:3.13
ENTRYPOINT exec python -m shop
