"""identity knows who is asking, and asks on their behalf. Flask over requests, under gunicorn."""

import os

import requests
from flask import Flask
from flask.typing import ResponseReturnValue

LLM_GATEWAY_URL = os.environ.get("LLM_GATEWAY_URL", "http://127.0.0.1:8002")
PEOPLE = {"ada": "Ada Lovelace", "alan": "Alan Turing", "grace": "Grace Hopper"}

app = Flask(__name__)


@app.get("/people/<person>/completions/<topic>")
def complete(person: str, topic: str) -> ResponseReturnValue:
    """The completion that the llm-gateway gives to this person."""
    if person not in PEOPLE:
        return {"detail": f"nobody here is called {person}"}, 404
    reply = requests.get(
        f"{LLM_GATEWAY_URL}/completions/{topic}", params={"account": person, "name": PEOPLE[person]}, timeout=10
    )
    if reply.status_code >= 500:
        return {"detail": f"llm-gateway answered {reply.status_code}"}, 502
    return reply.json(), reply.status_code
