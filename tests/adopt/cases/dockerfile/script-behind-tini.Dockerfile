FROM python:3.13
RUN pip install -r requirements.txt
COPY entry-script.sh /usr/local/bin/
ENTRYPOINT ["tini", "--", "/usr/local/bin/entry-script.sh"]
CMD ["gunicorn", "shop.wsgi"]
