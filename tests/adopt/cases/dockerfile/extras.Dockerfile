FROM python:3.13
RUN pip install "flask>=2" && pip install -e .[web,db] && rm -rf /root/.cache
CMD python -m shop
