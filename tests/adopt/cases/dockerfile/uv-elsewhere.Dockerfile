FROM python:3.13
ENV UV_LINK_MODE=copy UV_PROJECT_ENVIRONMENT=/usr/local
RUN uv sync --locked --no-dev
CMD ["uvicorn", "shop.main:app"]
