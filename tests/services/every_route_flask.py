"""A Flask application with every kind of route, answer and failure that a server span tells apart."""

import io
from collections.abc import Iterator

from flask import Blueprint, Flask, Response, abort, request, send_file
from werkzeug.middleware.dispatcher import DispatcherMiddleware

app = Flask(__name__)


@app.errorhandler(LookupError)
def answer(error: LookupError) -> tuple[str, int]:
    return str(error), 503


@app.get("/hello/<name>")
def hello(name: str) -> dict[str, str]:
    return {"hello": name}


@app.route("/sync/<int:number>", methods=["GET", "HEAD", "POST"])
def sync(number: int) -> dict[str, int]:
    return {"number": number}


@app.get("/missing")
def missing() -> str:
    abort(404)


@app.get("/unavailable")
def unavailable() -> str:
    abort(503)


@app.get("/expected")
def expected() -> str:
    raise LookupError("it happens")


@app.get("/broken")
def broken() -> str:
    raise ValueError("broken")


@app.get("/stream")
def stream() -> Response:
    def parts() -> Iterator[str]:
        yield from ("a", "b", "c")

    return Response(parts())


@app.get("/broken-stream")
def broken_stream() -> Response:
    def parts() -> Iterator[str]:
        yield "a"
        raise ValueError("in the middle")

    return Response(parts())


@app.get("/endless")
def endless() -> Response:
    def parts() -> Iterator[str]:
        while True:
            yield "a" * 100_000

    return Response(parts())


@app.get("/file")
def file() -> Response:
    return send_file(io.BytesIO(b"x" * 10_000), mimetype="text/plain")


@app.post("/upload")
def upload() -> dict[str, int]:
    return {"length": len(request.get_data())}


@app.get("/slash/")
def slash() -> dict[str, str]:
    return {}


@app.get("/healthz")
@app.get("/excluded")
def healthy() -> dict[str, str]:
    return {}


items = Blueprint("items", __name__, url_prefix="/items")


@items.get("/<int:item>")
def item(item: int) -> dict[str, int]:
    return {"item": item}


versioned = Blueprint("versioned", __name__, url_prefix="/api/v1")
versioned.register_blueprint(items)
app.register_blueprint(versioned)

mounted = Flask("mounted")


@mounted.get("/users/<user>")
def user(user: str) -> dict[str, str]:
    return {"user": user}


dispatched = DispatcherMiddleware(app, {"/mounted": mounted})
