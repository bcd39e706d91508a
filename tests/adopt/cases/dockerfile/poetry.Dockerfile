FROM python:3.12
RUN pip install poetry==1.8.3
COPY pyproject.toml poetry.lock ./
RUN poetry config virtualenvs.create false && poetry install --no-dev --no-interaction
ENTRYPOINT ["poetry", "run"]
CMD ["uvicorn", "shop.main:app"]
