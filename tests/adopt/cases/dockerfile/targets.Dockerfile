FROM python:3.13 AS base
RUN pip install .
FROM base AS worker
CMD celery -A shop worker
FROM base AS web
CMD ["gunicorn", "shop.wsgi"]
