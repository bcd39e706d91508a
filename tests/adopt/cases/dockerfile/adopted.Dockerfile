FROM python:3.13
RUN pip install -r requirements.txt "platform-otel[all]"
CMD ["platform-trace", "--", "python", "-m", "shop"]
