"""A Flask application without a word of tracing; runs itself as a script, too."""

import os

from flask import Flask

app = Flask(__name__)


@app.get("/hello/<name>")
def hello(name: str) -> dict[str, str]:
    return {"hello": name}


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]))
