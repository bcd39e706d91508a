"""Every instrumentor of the catalog that is installed comes into force, once, when its library is imported."""

from importlib.util import find_spec

import pytest

from platform_otel.instrumentation.catalog import CATALOG, HANDLER, Row
from tests.instrumentation.comparison import is_installed, spans_of
from tests.receiver import Receiver
from tests.support import launch_code

# What users import, where that is not the trigger itself.
IMPORTS = {
    "aiobotocore": "from aiobotocore.session import get_session",
    "aiohttp-client": "from aiohttp import ClientSession",
    "aiohttp-server": "from aiohttp import web",
    "botocore": "import boto3",
    "cassandra": "from cassandra.cluster import Cluster",
    "celery": "from celery import Celery",
    # It waits for settings, and for the first handler.
    "django": (
        "from django.conf import settings; settings.configured or settings.configure()\n"
        "from django.core.handlers.wsgi import WSGIHandler; WSGIHandler()"
    ),
    "falcon": "from falcon import App",
    "fastapi": "from fastapi import FastAPI",
    "flask": "from flask import Flask",
    "mysql": "from mysql.connector import connect",
    "pyramid": "from pyramid.config import Configurator",
    "starlette": "from starlette.applications import Starlette",
    "tornado": "from tornado.httpclient import AsyncHTTPClient",
    "urllib": "from urllib.request import urlopen",
}


def is_usable(row: Row) -> bool:
    """Whether its instrumentor and its library are installed here, and it waits for a module that can be imported."""
    if not row.triggers or row.triggers == (HANDLER,):
        return False
    return bool(row.ours or is_installed(row.distribution)) and find_spec(row.triggers[0].partition(".")[0]) is not None


USABLE = [row for row in CATALOG if is_usable(row)]


@pytest.mark.parametrize("row", [row for row in USABLE if not row.off], ids=lambda row: row.library)
def test_importing_a_library_instruments_it_once_and_prints_nothing(receiver: Receiver, row: Row) -> None:
    imports = IMPORTS.get(row.library, f"import {row.triggers[0]}")
    program = f"{imports}\n{imports}"
    said = launch_code(program, OTEL_LOG_LEVEL="debug").stderr.splitlines()
    in_force = f"platform-trace: {row.library} is instrumented: by {'platform-otel' if row.ours else row.distribution}"
    refused = [line for line in said if f"{row.library} is not instrumented: {row.distribution} needs" in line]
    if refused:
        pytest.skip(refused[0])

    assert said.count(in_force) == 1, said
    assert spans_of(receiver, program) == []


@pytest.mark.parametrize("row", [row for row in CATALOG if row.off], ids=lambda row: row.library)
def test_a_library_that_is_off_is_instrumented_where_it_is_named(row: Row) -> None:
    if not is_installed(row.distribution) or (row.triggers and row not in USABLE):
        pytest.skip(f"{row.library} or {row.distribution} is not installed")
    # What waits for no module of its own comes with the first of the others.
    program = f"import {row.triggers[0] if row.triggers else 'requests'}"
    named = {"PLATFORM_TRACE_ENABLED_INSTRUMENTATIONS": f"{row.library},requests", "OTEL_TRACES_EXPORTER": "none"}
    in_force = f"platform-trace: {row.library} is instrumented: by {row.distribution}"

    assert in_force not in launch_code(program, OTEL_LOG_LEVEL="debug").stderr
    assert in_force in launch_code(program, OTEL_LOG_LEVEL="debug", **named).stderr.splitlines()
