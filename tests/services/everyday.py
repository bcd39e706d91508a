"""A service on PostgreSQL, Redis and Celery: HTTP in, queries, commands and a task out, and the worker's part of it."""

import os

import asyncpg  # type: ignore[import-untyped]  # comes without types
import psycopg
import redis
from celery import Celery  # type: ignore[import-untyped]  # the same
from fastapi import FastAPI
from sqlalchemy import create_engine, text

DATABASE = os.environ["DATABASE_PORT"]
CACHE = f"redis://127.0.0.1:{os.environ['CACHE_PORT']}/0"
DSN = f"postgresql://postgres@127.0.0.1:{DATABASE}/postgres"

tasks = Celery("everyday", broker=CACHE, backend=CACHE)
tasks.conf.worker_hijack_root_logger = False
cache = redis.Redis.from_url(CACHE)
engine = create_engine(DSN.replace("postgresql:", "postgresql+psycopg:"))
app = FastAPI()


@tasks.task  # type: ignore[untyped-decorator]  # the same
def bill(order: int) -> int:
    with psycopg.connect(DSN) as connection:
        row = connection.execute("SELECT %s::int * 2", (order,)).fetchone()
    cache.set(f"bill:{order}", str(row))
    return order * 2


@app.get("/orders/{order}")
def orders(order: int) -> dict[str, object]:
    with psycopg.connect(DSN) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 'psycopg'")
    with engine.connect() as connected:
        connected.execute(text("SELECT 'sqlalchemy'"))
    cache.set(f"order:{order}", "new")
    billed = bill.delay(order).get(timeout=30)
    return {"billed": billed, "cached": (cache.get(f"order:{order}") or b"").decode()}  # type: ignore[union-attr]


@app.get("/prices/{order}")
async def prices(order: int) -> dict[str, object]:
    connection = await asyncpg.connect(DSN)
    try:
        return {"price": await connection.fetchval("SELECT 3")}
    finally:
        await connection.close()
