ARG VERSION=3.13
FROM python:${VERSION} AS build
RUN pip install --prefix=/install -r requirements.txt --require-hashes

FROM python:${VERSION}-slim
COPY --from=build /install /usr/local
ENTRYPOINT ["python", "-m", "shop"]
CMD ["--port", "80"]
