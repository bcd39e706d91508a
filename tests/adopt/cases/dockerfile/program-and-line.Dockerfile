FROM python:3.13
RUN pip install -r requirements.txt
ENTRYPOINT ["python"]
CMD -m shop
