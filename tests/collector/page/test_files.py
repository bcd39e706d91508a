"""The page's files, as any HTTP client gets them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

import platform_otel
from platform_otel.collector.pages import Page
from tests.collector.page.fleet import trace_id
from tests.collector.running import Answer, Collector, ask

WEB = Path(platform_otel.__file__).parent / "collector" / "web"
FILES = sorted(path.name for path in WEB.iterdir())
VIEWS = ("/", "/map", "/search", f"/trace/{trace_id(1)}", "/compare", "/hops", "/errors", "/broken")


def get(collector: Collector, path: str, **headers: str) -> Answer:
    return ask(collector.query, "GET", path, **headers)


@pytest.mark.parametrize("path", VIEWS)
def test_every_view_has_an_address_of_its_own(shared: Collector, path: str) -> None:
    answer = get(shared, path)

    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.body == (WEB / "index.html").read_bytes()


def test_nothing_runs_but_files_of_ours_and_they_ask_nobody_else(shared: Collector) -> None:
    policy = get(shared, "/").headers["content-security-policy"].split("; ")

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not any("unsafe" in each or "http" in each or "*" in each for each in policy)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_asked_for_again_only_when_it_has_changed(shared: Collector, name: str) -> None:
    first = get(shared, f"/web/{name}")
    again = get(shared, f"/web/{name}", if_none_match=first.headers["etag"])

    assert (first.status, first.body) == (200, (WEB / name).read_bytes())
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["x-content-type-options"] == "nosniff"


def test_all_of_the_page_is_less_than_100_kb_compressed(shared: Collector) -> None:
    answers = [get(shared, f"/web/{name}", accept_encoding="gzip") for name in FILES]

    assert all(answer.headers["content-encoding"] == "gzip" for answer in answers)
    assert all(
        gzip.decompress(answer.body) == (WEB / name).read_bytes() for name, answer in zip(FILES, answers, strict=True)
    )
    assert sum(len(answer.body) for answer in answers) < 100_000


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_file_stays_what_it_was_at_the_start_through_an_upgrade(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "app.js").write_bytes(b"before")
    page = Page(tmp_path / "app.js")
    (tmp_path / "app.js").write_bytes(b"after")
    answer = page.answer({"accept-encoding": encoding})

    assert (gzip.decompress(answer.body) if encoding == "gzip" else answer.body) == b"before"


@pytest.mark.parametrize("path", ["/web/../api.py", "/web/%2e%2e%2fapi.py", "/web/..%5capi.py", "/web/", "/web/no.js"])
def test_nothing_beside_the_pages_files_is_answered(shared: Collector, path: str) -> None:
    assert get(shared, path).status == 404


def test_the_page_is_shown_to_nobody_without_the_token() -> None:
    with Collector("--token", "secret") as collector:
        refused = get(collector, "/")
        way_in = get(collector, "/search?token=secret")
        cookie = way_in.headers["set-cookie"].split(";")[0]
        shown = get(collector, "/search", cookie=cookie)

    assert (refused.status, way_in.status, way_in.headers["location"], shown.status) == (401, 303, "/search", 200)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith((".js", ".html", ".css"))])
def test_no_file_names_another_host_or_makes_markup_of_text(name: str) -> None:
    source = (WEB / name).read_text(encoding="utf-8")

    # Namespaces and documentation are named, in comments and in the one place where elements are made.
    others = {url for url in re.findall(r"https?://[^\s\"'`)]+", source) if "www.w3.org" not in url}
    assert {url for url in others if not url.startswith(("https://opentelemetry.io/", "http://$"))} == set()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc", source)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_every_import_is_a_file_that_is_there(name: str) -> None:
    imported = set(re.findall(r'from "\./([^"]+)"', (WEB / name).read_text(encoding="utf-8")))

    assert imported <= set(FILES)
