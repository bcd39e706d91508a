FROM python:3.13
RUN pip install -r requirements.txt
COPY watching-script.sh /usr/local/bin/
ENTRYPOINT ["watching-script.sh"]
CMD ["gunicorn", "shop.wsgi"]
