"""meter counts what each account uses. Flask over SQLite."""

import os
import sqlite3
from contextlib import closing

from flask import Flask
from flask.typing import ResponseReturnValue

DATABASE = os.environ.get("METER_DATABASE", "meter.sqlite")

with closing(sqlite3.connect(DATABASE)) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS uses (account TEXT, topic TEXT)")

app = Flask(__name__)


@app.post("/accounts/<account>/uses/<topic>")
def count(account: str, topic: str) -> ResponseReturnValue:
    """Count one use; the answer is how often this account has used anything."""
    with closing(sqlite3.connect(DATABASE)) as connection, connection:
        cursor = connection.cursor()
        cursor.execute("INSERT INTO uses VALUES (?, ?)", (account, topic))
        cursor.execute("SELECT count(*) FROM uses WHERE account = ?", (account,))
        return {"account": account, "uses": cursor.fetchone()[0]}, 201
