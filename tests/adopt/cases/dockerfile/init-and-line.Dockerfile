FROM python:3.13
RUN pip install -r requirements.txt
ENTRYPOINT ["dumb-init", "--"]
CMD exec uvicorn shop.main:app --port ${PORT:-8000}
