# The collector, with its file on the volume /data. Beside it: a folder wheels that holds platform-otel's wheel.
FROM python:3.13-slim
COPY wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/platform_otel-*.whl)[collector]" && install -d -o nobody /data
USER nobody
VOLUME /data
EXPOSE 4317 4318 16686
ENTRYPOINT ["platform-trace", "collector", "--host", "0.0.0.0", "--db", "/data/traces.db"]
