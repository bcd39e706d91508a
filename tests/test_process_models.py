"""However a service's processes come about, each request is traced exactly once."""

import sys

import pytest

from tests.receiver import Receiver
from tests.support import LAUNCHER, Service, exporting_to, launch_code, received

PYTHON = sys.executable
REQUESTS = 8

FASTAPI = ("uvicorn", "fastapi_service:app", "--port", "{port}")
FLASK = ("gunicorn", "flask_service:app", "--bind", "127.0.0.1:{port}")
MODELS = {
    "uvicorn": FASTAPI,
    "uvicorn with a Starlette application": ("uvicorn", "starlette_service:app", "--port", "{port}"),
    "uvicorn with 2 workers": (*FASTAPI, "--workers", "2"),
    "uvicorn that reloads": (*FASTAPI, "--reload"),
    "gunicorn": FLASK,
    "gunicorn with 2 workers": (*FLASK, "--workers", "2"),
    "gunicorn that preloads": (*FLASK, "--workers", "2", "--preload"),
    "gunicorn with threads": (*FLASK, "--threads", "4"),
    "flask run": ("flask", "--app", "flask_service", "run", "--port", "{port}"),
    "flask run --debug": ("flask", "--app", "flask_service", "run", "--debug", "--port", "{port}"),
    "python -m": (PYTHON, "-m", "uvicorn", "fastapi_service:app", "--port", "{port}"),
    "a script": ("env", "PORT={port}", PYTHON, "flask_service.py"),
    "sh -c": ("sh", "-c", "exec uvicorn fastapi_service:app --port {port}"),
    "sh -c with a child": ("sh", "-c", "uvicorn fastapi_service:app --port {port}; true"),
}
ROUTES = {"/hello/{name}", "/hello/<name>"}


def expected_service(model: str) -> str:
    if "Starlette" in model:
        return "starlette_service"
    return "flask_service" if any(word in model for word in ("gunicorn", "flask", "script")) else "fastapi_service"


@pytest.mark.parametrize("model", MODELS)
def test_each_request_is_traced_exactly_once(receiver: Receiver, model: str) -> None:
    with Service(LAUNCHER, "--", *MODELS[model], **exporting_to(receiver)) as service:
        for number in range(REQUESTS):
            assert service.get(f"/hello/{number}")[0] == 200
        received(receiver, REQUESTS, lambda span: span.attributes.get("http.route") in ROUTES)
        # A last request of its own kind: what came twice would have come before it.
        service.get("/no/such/page")
        received(receiver, 1, lambda span: span.attributes.get("url.path") == "/no/such/page")

    hellos = [span for span in receiver.spans() if span.attributes.get("http.route") in ROUTES]
    assert sorted(str(span.attributes["url.path"]) for span in hellos) == [f"/hello/{n}" for n in range(REQUESTS)]
    assert {span.kind for span in hellos} == {"server"}
    assert {span.attributes["http.response.status_code"] for span in hellos} == {200}
    assert {span.service for span in receiver.spans()} == {expected_service(model)}
    assert len({span.trace_id for span in hellos}) == REQUESTS


def test_two_workers_are_two_instances_of_one_service(receiver: Receiver) -> None:
    with Service(LAUNCHER, "--", *FLASK, "--workers", "2", "--preload", **exporting_to(receiver)) as service:
        pids: set[object] = set()
        for number in range(200):
            service.get(f"/hello/{number}")
            pids = {span.resource["process.pid"] for span in receiver.spans()}
            if len(pids) == 2:
                break
        else:
            received(receiver, 200)
            pids = {span.resource["process.pid"] for span in receiver.spans()}

    assert len(pids) == 2
    assert service.process.pid not in pids


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_a_multiprocessing_child_is_traced_as_its_parents_service(receiver: Receiver, method: str) -> None:
    code = f"""
        import multiprocessing, sys
        sys.path.insert(0, ".")
        import child_task
        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            process = context.Process(target=child_task.work)
            process.start()
            process.join()
            print(process.exitcode)
    """
    outcome = launch_code(code, **exporting_to(receiver, OTEL_SERVICE_NAME="identity"))

    assert (outcome.stdout, outcome.stderr) == ("0\n", "")
    [span] = received(receiver, 1, lambda span: span.name == "work in the child")
    assert span.service == "identity"
