"""A browser, and collectors with something to look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.page.fleet import Fleet
from tests.collector.page.visits import Visitor
from tests.collector.running import Collector

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


# Not for the whole session: as long as Playwright runs, its event loop does, and nobody else's may in this thread.
@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    """A real Chromium: Playwright's own, or the system's."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        own = Path(running.chromium.executable_path)
        path = str(own) if own.exists() else next(filter(None, map(shutil.which, _BROWSERS)), None)
        if path is None:
            pytest.skip("no Chromium: neither Playwright's (playwright install chromium) nor chromium on PATH")
        # Chromium's sandbox refuses to be started by root, as containers do.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = running.chromium.launch(executable_path=path, args=arguments)
        yield Visitor(browser)
        browser.close()


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """A collector that knows five services, with a failure, repeated calls, a clock that is off and a broken link."""
    with Collector() as collector:
        fleet = Fleet(collector)
        fleet.send_everything()
        yield fleet


@pytest.fixture
def silent() -> Iterator[Collector]:
    """A collector that has received nothing."""
    with Collector() as collector:
        yield collector
