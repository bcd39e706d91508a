"""prompts keeps the texts that we send to models. FastAPI over requests."""

import os

import requests
from fastapi import FastAPI, HTTPException

METER_URL = os.environ.get("METER_URL", "http://127.0.0.1:8004")
TEXTS = {
    "haiku": "Write a haiku for {name}.",
    "limerick": "Write a limerick about {name}.",
    # Nobody ever passes a season: this text has been broken since it was written.
    "elegy": "Write an elegy for {name}, set in {season}.",
}

app = FastAPI(title="prompts")


@app.get("/prompts/{topic}")
def prompt(topic: str, account: str, name: str) -> dict[str, str]:
    """The text for a topic, filled in; every use is counted before it is delivered."""
    if topic not in TEXTS:
        raise HTTPException(404, f"no prompt for {topic}")
    requests.post(f"{METER_URL}/accounts/{account}/uses/{topic}", timeout=10).raise_for_status()
    return {"prompt": TEXTS[topic].format(name=name)}
