"""A Flask service whose every request calls the address in UPSTREAM by requests."""

import os

import requests
from flask import Flask

app = Flask(__name__)


@app.get("/call")
def call() -> dict[str, int]:
    return {"status": requests.get(os.environ["UPSTREAM"], timeout=10).status_code}
