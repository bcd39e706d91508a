# The services of the demo. Beside it: a folder wheels that holds platform-otel's wheel.
FROM python:3.13-slim
COPY wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/platform_otel-*.whl)[demo]"
WORKDIR /usr/local/lib/python3.13/site-packages/platform_otel/demo/services
USER nobody
