# What the operator copies into pods. The Python of this image must be that of the services: some of it is compiled.
FROM python:3.13-slim AS build
COPY wheels /wheels
RUN pip install --no-cache-dir --target /autoinstrumentation "$(echo /wheels/platform_otel-*.whl)[all]"

FROM busybox
COPY --from=build /autoinstrumentation /autoinstrumentation
RUN chmod -R go+r /autoinstrumentation
