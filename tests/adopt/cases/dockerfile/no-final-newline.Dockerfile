FROM python:3.13
RUN python3 -m pip install .
ENTRYPOINT python -m shop