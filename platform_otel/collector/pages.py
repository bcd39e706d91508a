"""The page: the files of web/, answered as browsers want them, with what a browser may do with them."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_WEB = Path(__file__).with_name("web")
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Each of these is the page; which view it shows is the page's own business. So every view can be linked to.
VIEWS = ("/", "/map", "/search", "/trace/{trace_id}", "/compare", "/hops", "/errors", "/broken")

# Nothing but what stands in web/ runs, and it can ask nobody but us. Trusted types close the doors by which text could
# become markup (https://www.w3.org/TR/trusted-types/), should a change open one by mistake.
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
_HEADERS = {
    # A browser keeps the files and asks each time whether they are still the same: after an update none is stale.
    "cache-control": "no-cache",
    "vary": "accept-encoding",
}
# Of the document only, whose files obey them too.
_HEADERS_OF_DOCUMENT = {
    "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
}


class Page:
    """One file as it is now: an upgrade under a running collector would mix its files with those of before."""

    def __init__(self, path: Path) -> None:
        self._type = path.suffix
        self.content = path.read_bytes()

    @cached_property
    def compressed(self) -> bytes:
        """The file in gzip."""
        return gzip.compress(self.content, mtime=0)

    @cached_property
    def tag(self) -> str:
        """What changes when the file does; weak, since it is the same compressed or not."""
        return f'W/"{hashlib.sha256(self.content).hexdigest()[:32]}"'

    def answer(self, headers: Mapping[str, str]) -> Response:
        """The file, or that it is what the browser has."""
        described = {**_HEADERS, "etag": self.tag, "content-type": _TYPES[self._type]}
        if self._type == ".html":
            described.update(_HEADERS_OF_DOCUMENT)
        if self.tag.removeprefix("W/") in headers.get("if-none-match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=described)
        if "gzip" in headers.get("accept-encoding", ""):
            return Response(self.compressed, headers={**described, "content-encoding": "gzip"})
        return Response(self.content, headers=described)


def routes() -> list[Route]:
    """The page at each of its views, and its files below /web/."""
    pages = {path.name: Page(path) for path in _WEB.iterdir() if path.suffix in _TYPES}

    async def view(request: Request) -> Response:
        return pages["index.html"].answer(request.headers)

    async def file(request: Request) -> Response:
        page = pages.get(request.path_params["name"])
        return page.answer(request.headers) if page else JSONResponse({"error": "Not Found"}, HTTPStatus.NOT_FOUND)

    return [*(Route(path, view) for path in VIEWS), Route("/web/{name}", file)]
