# syntax=docker/dockerfile:1
FROM python:3.13
RUN apt-get update && apt-get install -y curl \
    # kept small
    && rm -rf /var/lib/apt/lists/*
RUN pip install --upgrade pip \
 && pip install -r requirements.txt \
 && rm -rf /root/.cache
CMD exec gunicorn --bind :$PORT --workers 1 --threads 8 main:app
