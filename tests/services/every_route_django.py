"""A Django project with every kind of route, answer and failure that a server span tells apart, by WSGI and by ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any  # Any: Django is not typed

from django.conf import settings  # type: ignore[import-untyped]
from django.core.asgi import get_asgi_application  # type: ignore[import-untyped]
from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]
from django.http import (  # type: ignore[import-untyped]
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import include, path, re_path  # type: ignore[import-untyped]
from django.views.decorators.http import require_GET  # type: ignore[import-untyped]

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware", f"{__name__}.Expecting"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="not a secret",
)


class Expecting:
    """Middleware that answers an exception, and some requests before they have a route."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("early") if request.path == "/early" else self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return HttpResponse(str(error), status=503) if isinstance(error, LookupError) else None


@require_GET  # type: ignore[untyped-decorator]  # Django is not typed
def hello(request: HttpRequest, **found: Any) -> HttpResponse:
    return JsonResponse({"hello": list(found.values())})


def sync(request: HttpRequest, number: int) -> HttpResponse:
    return JsonResponse({"number": number})


def missing(request: HttpRequest) -> HttpResponse:
    raise Http404


def unavailable(request: HttpRequest) -> HttpResponse:
    return HttpResponse("unavailable", status=503)


def expected(request: HttpRequest) -> HttpResponse:
    raise LookupError("it happens")


def broken(request: HttpRequest) -> HttpResponse:
    raise ValueError("broken")


def stream(request: HttpRequest) -> HttpResponse:
    return StreamingHttpResponse(iter(["a", "b", "c"]))


def broken_stream(request: HttpRequest) -> HttpResponse:
    def parts() -> Iterator[str]:
        yield "a"
        raise ValueError("in the middle")

    return StreamingHttpResponse(parts())


def endless(request: HttpRequest) -> HttpResponse:
    def parts() -> Iterator[str]:
        while True:
            yield "a" * 100_000

    async def parts_in_the_loop() -> AsyncIterator[str]:
        for part in parts():
            await asyncio.sleep(0)  # where nobody listens any more, uvicorn's send waits for nothing
            yield part

    # By ASGI, Django would read an iterator that is not asynchronous to its end first.
    return StreamingHttpResponse(parts_in_the_loop() if hasattr(request, "scope") else parts())


async def in_the_loop(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in the loop")


def file(request: HttpRequest) -> HttpResponse:
    return FileResponse(open(__file__, "rb"))  # Django closes it


def upload(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"length": len(request.body)})


items = [path("items/<int:item>", hello), re_path(r"^numbered/(?P<number>[0-9]+)$", hello)]
urlpatterns = [
    path("", hello),
    path("hello/<str:name>", hello),
    path("sync/<int:number>", sync),
    path("missing", missing),
    path("unavailable", unavailable),
    path("expected", expected),
    path("broken", broken),
    path("stream", stream),
    path("broken-stream", broken_stream),
    path("endless", endless),
    path("in-the-loop", in_the_loop),
    path("file", file),
    path("upload", upload),
    path("slash/", hello),
    path("excluded", hello),
    path("api/v1/", include(items)),
    re_path(r"^years/(?P<year>[0-9]{4})/$", hello),
]

app = get_wsgi_application()
asgi = get_asgi_application()
