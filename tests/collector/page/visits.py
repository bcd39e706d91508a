"""Visits to the page in a real browser, each with all that must not happen in any of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page

# Milliseconds until what must come counts as missing.
PATIENCE = 30_000
WIDE, NARROW = (1360, 860), (420, 800)
_WATCH = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


class Visitor:
    """Opens the page."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @contextmanager
    def at(
        self,
        address: str,
        path: str,
        size: tuple[int, int] = WIDE,
        scheme: Literal["light", "dark"] = "light",
        notes: tuple[str, ...] = (),
        **options: Any,  # whatever Playwright takes for a context
    ) -> Iterator[Page]:
        """A view, shown; at the end nothing may have gone wrong in it, and nobody else may have been asked.

        ``notes`` are parts of what the browser may say of it on its console.
        """
        width, height = size
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True, **options
        )
        context.set_default_timeout(PATIENCE)
        context.add_init_script(_WATCH)
        page = context.new_page()
        troubles: list[str] = []
        asked: set[str] = set()

        def on_console(said: ConsoleMessage) -> None:
            if said.type in {"error", "warning"}:
                troubles.append(said.text)

        def on_dialog(dialog: Dialog) -> None:
            troubles.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        page.on("pageerror", lambda error: troubles.append(f"exception: {error}"))
        page.on("console", on_console)
        page.on("dialog", on_dialog)
        page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        try:
            page.goto(f"http://{address}{path}")
            page.wait_for_selector("main h1")
            yield page
            troubles += page.evaluate("window.violations")
            assert [each for each in troubles if not any(note in each for note in notes)] == []
            # Where a download is written from has no address.
            assert asked - {""} == {address}
        finally:
            context.close()
