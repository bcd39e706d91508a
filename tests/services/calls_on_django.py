"""A Django service whose every request calls the address in UPSTREAM by http.client."""

import os
from http.client import HTTPConnection
from urllib.parse import urlsplit

from django.conf import settings  # type: ignore[import-untyped]
from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]
from django.http import HttpRequest, HttpResponse, JsonResponse  # type: ignore[import-untyped]
from django.urls import path  # type: ignore[import-untyped]

settings.configure(ALLOWED_HOSTS=["*"], MIDDLEWARE=[], ROOT_URLCONF=__name__, SECRET_KEY="not a secret")


def call(request: HttpRequest) -> HttpResponse:
    connection = HTTPConnection(urlsplit(os.environ["UPSTREAM"]).netloc, timeout=10)
    connection.request("GET", "/hello")
    with connection.getresponse() as response:
        return JsonResponse({"status": response.status})


urlpatterns = [path("call", call)]
app = get_wsgi_application()
