FROM python:3.13
RUN pip install --target=/app/lib -r requirements.txt
ENV PYTHONPATH=/app/lib
CMD ["python", "-m", "shop"]
