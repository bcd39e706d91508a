FROM python:3.13
COPY wheels /wheels
RUN pip install --no-index --find-links=/wheels shop
CMD ["python", "-m", "shop"]
