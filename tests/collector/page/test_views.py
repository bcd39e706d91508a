"""Every view of the page in a real browser: by mouse, by keyboard, live, linked to, light and dark, narrow and wide."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.collector.page.fleet import ANEW, FAILING, GOOD, REPEATING, REPEATS, SKEWED, SLOW, Fleet, journey, trace_id
from tests.collector.page.visits import NARROW, WIDE, Visitor
from tests.collector.running import Collector, Made, body
from tests.collector.test_links import linking
from tests.support import run

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request, expect
else:
    expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

# As they are in print.
TIMES, MINUS = "\u00d7", "\u2212"
Scheme = Literal["light", "dark"]
# A view, and what is there once it is shown.
VIEWS: dict[str, str] = {
    "/": "td.spread",
    "/map": ".map .box",
    "/search": ".traces li",
    f"/trace/{trace_id(FAILING)}?span={16 * 5 + 2:016x}": ".panel .exception",
    f"/trace/{trace_id(SKEWED)}": ".note.warn input",
    f"/trace/{trace_id(FAILING)}?tab=hops": ".parts",
    f"/trace/{trace_id(FAILING)}?tab=map": ".map .box",
    f"/trace/{trace_id(FAILING)}?tab=logs": ".logs li",
    f"/compare?a={trace_id(GOOD)}&b={trace_id(SLOW)}": ".diverging",
    "/hops": ".parts",
    "/errors": ".card",
    "/broken": ".card",
}

# Between them they have most of what views are made of; all views, in all looks, are in the matrix.
TELLING = ["/", "/map", "/search", f"/trace/{trace_id(FAILING)}?span={16 * 5 + 2:016x}"]
LOOKS: list[tuple[tuple[int, int], Scheme]] = [(WIDE, "light"), (NARROW, "dark"), (NARROW, "light"), (WIDE, "dark")]


def violations(page: Page) -> list[Any]:
    """What axe finds: rule, and the elements that break it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [(each["id"], [node["html"][:200] for node in each["nodes"]][:3]) for each in found]


@pytest.mark.parametrize("path", TELLING)
def test_axe_finds_nothing_to_object_to_and_the_page_scrolls_downwards_only(
    visitor: Visitor, fleet: Fleet, path: str
) -> None:
    look = LOOKS[TELLING.index(path) % len(LOOKS)]

    _look_at(visitor, fleet, path, *look)


@pytest.mark.matrix
@pytest.mark.parametrize("path", VIEWS)
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look[0][0]}-{look[1]}")
def test_axe_finds_nothing_in_any_look(
    visitor: Visitor, fleet: Fleet, path: str, look: tuple[tuple[int, int], Scheme]
) -> None:
    _look_at(visitor, fleet, path, *look)


def _look_at(visitor: Visitor, fleet: Fleet, path: str, size: tuple[int, int], scheme: Scheme) -> None:
    with visitor.at(fleet.address, path, size, scheme) as page:
        page.wait_for_selector(VIEWS[path], state="attached")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# --- By mouse ---------------------------------------------------------------------------------------------------------


def test_clicks_lead_from_the_overview_to_a_span_and_the_address_leads_back_there(
    visitor: Visitor, fleet: Fleet
) -> None:
    with visitor.at(fleet.address, "/") as page:
        page.get_by_role("link", name="GET /meter").click()
        page.locator(".traces li a").first.click()
        page.locator(".row", has_text="GET /meter").click()
        page.wait_for_selector(".panel h2:has-text('GET /meter')")
        page.reload()
        page.wait_for_selector(".panel h2:has-text('GET /meter')")
        page.go_back()
        page.wait_for_selector("form.search")
        page.go_back()
        page.wait_for_selector("td.spread")


@pytest.mark.matrix
def test_an_operation_shows_how_it_moved_against_the_hour_before(visitor: Visitor, silent: Collector) -> None:
    earlier = -90 * 60_000
    Fleet(silent).send(*journey(1, earlier))
    Fleet(silent).send(*journey(2, -1000, own=900))
    with visitor.at(silent.query, "/") as page:
        row = page.get_by_role("row", name="llm-gateway")
        row.locator(".change", has_text=TIMES).first.wait_for()
        assert row.locator(".change.bad").count() == 3


@pytest.mark.matrix
def test_a_line_of_the_map_leads_to_the_traces_behind_it(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, "/map") as page:
        # Where nothing is written upon the line.
        page.locator("svg.map a", has_text="llm-gateway calls prompts").dispatch_event("click")
        page.wait_for_selector(".traces li")
        assert page.get_by_label("Service", exact=True).input_value() == "prompts"
        assert page.get_by_label("Called by").input_value() == "llm-gateway"


def test_the_calls_of_a_hop_lead_to_the_traces_behind_them(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, "/hops") as page:
        with page.expect_request("**/query/traces?*") as asked:
            page.get_by_role("link", name="Traces of identity calling llm-gateway").click()
        page.wait_for_selector(".traces li")
        assert "caller=identity" in asked.value.url
        assert page.get_by_label("Called by").input_value() == "identity"
        assert page.locator(".traces li a", has_text="POST /orders").count() == 0


def test_a_peer_that_is_not_traced_is_a_ghost_and_its_line_leads_to_its_calls(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, "/map") as page:
        page.locator("svg.map .box.ghost", has_text="postgresql").wait_for()
        page.locator("svg.map a", has_text="identity calls postgresql").dispatch_event("click")
        page.wait_for_selector(".traces li")
        assert page.locator(".traces li").count() == 1


def test_repeated_siblings_are_one_row_until_they_are_opened(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, f"/trace/{trace_id(REPEATING)}") as page:
        group = page.locator(".row.group", has_text=f"{REPEATS} {TIMES} SELECT")
        assert "100 ms" in group.inner_text()
        before = int(page.get_by_role("treegrid").get_attribute("aria-rowcount") or 0)
        group.click()
        page.wait_for_selector(f'[role="treegrid"][aria-rowcount="{before + REPEATS}"]')


def test_two_traces_that_are_ticked_are_compared(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, "/search?order=slowest") as page:
        boxes = page.locator(".traces input")
        boxes.nth(0).check()
        boxes.nth(1).check()
        page.get_by_role("button", name="Compare two").click()
        page.wait_for_selector(".diverging")
        assert page.locator(".two .side").count() == 2
        assert page.get_by_role("cell", name="0", exact=True).count() > 0
        assert f"{MINUS}0" not in page.locator("tbody").inner_text()


def test_a_clock_that_is_off_is_said_and_its_spans_move_only_when_asked(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, f"/trace/{trace_id(SKEWED)}") as page:
        page.get_by_text("The clock of prompts is 200 ms behind that of llm-gateway.").wait_for()
        row = page.locator(".row", has_text="GET /prompts")
        assert f"clock {MINUS}200 ms" in row.inner_text()
        measured = row.locator(".bar").get_attribute("style") or ""
        expect(page.locator(".summary")).to_contain_text("200 ms on one clock (370 ms as measured)")
        page.get_by_label("Show on one clock").check()
        expect(row.locator(".bar")).not_to_have_attribute("style", measured)
        expect(page.locator(".row", has_text="GET /gate").locator(".bar")).to_have_attribute(
            "style", "left: 0%; width: 100%;"
        )


def test_a_trace_that_is_too_large_to_analyse_is_shown_with_the_reason_and_without_what_no_mark_means(
    visitor: Visitor, fleet: Fleet
) -> None:
    reason = "to analyse a trace of 50001 spans takes too long; 50000 are the most"
    with visitor.at(fleet.address, "/", notes=("504",)) as page:
        for query in ("analysis", "graph"):
            page.route(f"**/query/traces/*/{query}", lambda route: route.fulfill(status=504, json={"error": reason}))
        page.goto(f"http://{fleet.address}/trace/{trace_id(GOOD)}")
        page.locator(".row .usual").first.wait_for()
        assert page.locator(".legend").get_by_text("usual p95").is_visible()
        assert page.locator(".legend").get_by_text("critical path").is_hidden()
        for tab in ("Hops", "Map"):
            page.get_by_role("tab", name=tab).click()
            page.get_by_role("tabpanel", name=tab).get_by_text(reason).wait_for()


def test_each_answer_about_a_trace_is_marked_as_it_comes_and_only_its_own_services_are_asked_about(
    visitor: Visitor, fleet: Fleet
) -> None:
    asked: list[str] = []
    with visitor.at(fleet.address, "/") as page:
        page.route("**/query/traces/*/analysis", lambda route: None)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"http://{fleet.address}/trace/{trace_id(FAILING)}?tab=logs&span={16 * 5 + 2:016x}")
        page.locator(".logs li", has_text="charged ada").first.wait_for()
        page.get_by_role("tab", name="Timeline").click()
        page.locator(".row .usual").first.wait_for()
        page.unroute("**/query/traces/*/analysis")
        services = {_parameter(url, "service") for url in asked if "/query/operations?" in url}
    assert services == {"gate", "identity", "llm-gateway", "prompts", "meter"}


def _parameter(url: str, name: str) -> str:
    return parse_qs(urlsplit(url).query)[name][0]


@pytest.mark.matrix
def test_the_critical_path_and_the_usual_p95_are_marked(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, f"/trace/{trace_id(SLOW)}") as page:
        page.locator(".row", has_text="GET /llm-gateway").locator(".critical").first.wait_for()
        assert page.locator(".usual").count() > 0


def test_a_trace_is_downloaded_as_the_api_has_it(visitor: Visitor, fleet: Fleet, tmp_path: Path) -> None:
    with visitor.at(fleet.address, f"/trace/{trace_id(GOOD)}") as page:
        with page.expect_download() as download:
            page.get_by_role("button", name="Download").click()
        download.value.save_as(tmp_path / "trace.json")

    downloaded = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))
    assert downloaded == fleet.collector.get(f"/query/traces/{trace_id(GOOD)}")


@pytest.mark.matrix
def test_a_trace_is_copied_as_json(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(
        fleet.address, f"/trace/{trace_id(GOOD)}", permissions=["clipboard-read", "clipboard-write"]
    ) as page:
        page.get_by_role("button", name="Copy JSON").click()
        page.get_by_role("button", name="Copied").wait_for()
        assert "resourceSpans" in json.loads(page.evaluate("navigator.clipboard.readText()"))


def test_an_error_is_shown_where_it_began_with_those_it_took_down(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, "/errors") as page:
        card = page.locator(".card")
        assert card.count() == 1
        assert "LimitExceeded" in card.inner_text()
        assert "1000 of 1000" in card.locator(".message").inner_text()
        assert all(name in card.locator(".line").first.inner_text() for name in ("gate", "identity", "llm-gateway"))
        page.get_by_role("link", name="The latest trace").click()
        page.wait_for_selector(".panel .exception h3:has-text('LimitExceeded')")
        assert page.locator(".summary").get_by_text("9 errors, 1 began it").is_visible()


def test_a_broken_link_is_shown_with_its_cause_and_leads_to_where_it_breaks(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, "/broken") as page:
        card = page.locator(".card", has_text="billing")
        assert "Header not forwarded" in card.inner_text()
        card.get_by_role("link", name="Where it breaks").click()
        page.wait_for_url(f"**/trace/{trace_id(ANEW)}*")
        page.wait_for_selector(".panel h2")


def test_what_a_finding_advises_fits_a_narrow_screen(visitor: Visitor, silent: Collector) -> None:
    foreign = {"platform_trace.ignored_context": "b3"}
    silent.send(body(*(Made(trace, 1, start=-60_000, attributes=foreign) for trace in range(1, 4))))
    with visitor.at(silent.query, "/broken", (360, 800)) as page:
        page.locator(".card", has_text="OTEL_PROPAGATORS=tracecontext,baggage,b3multi").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_path_is_split_hop_by_hop_and_its_worst_trace_is_a_click_away(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, "/hops?path=gate,identity,llm-gateway") as page:
        page.wait_for_selector(".parts")
        # From outside to gate, and the two of the path.
        assert page.locator("tbody tr").count() == 3
        # What no hop has has no column.
        assert page.get_by_role("columnheader", name="Not seen").count() == 0
        page.get_by_label("p99").check()
        page.wait_for_url("**p=99*")
        # Of one hop it is said that it works longest itself.
        assert page.get_by_text("most", exact=True).count() == 1
        assert page.locator("tbody tr").last.get_by_text("most", exact=True).is_visible()
        page.get_by_role("link", name="waited longest for llm-gateway").click()
        page.wait_for_url(f"**/trace/{trace_id(SLOW)}*")


@pytest.mark.matrix
def test_dragging_over_the_minimap_zooms_and_a_button_goes_back(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, f"/trace/{trace_id(GOOD)}") as page:
        box = page.locator(".minimap").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 20)
        page.mouse.up()
        page.locator(".pane").wait_for()
        page.get_by_role("button", name="Whole trace").click()
        page.locator(".pane").wait_for(state="hidden")


@pytest.mark.matrix
def test_a_drag_that_became_a_scroll_leaves_nothing_behind(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, f"/trace/{trace_id(GOOD)}") as page:
        minimap = page.locator(".minimap")
        minimap.dispatch_event("pointerdown", {"clientX": 400})
        minimap.dispatch_event("pointermove", {"clientX": 700})
        page.locator(".pane").wait_for()
        minimap.dispatch_event("pointercancel")
        page.locator(".pane").wait_for(state="hidden")
        minimap.dispatch_event("pointermove", {"clientX": 700})
        assert page.locator(".pane").is_hidden()


def test_services_that_call_nobody_are_listed_below_the_map(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, "/map") as page:
        page.wait_for_selector(".map .box")
        assert page.locator(".map .box", has_text="billing").count() == 0
        page.get_by_role("region", name="Services without calls").get_by_role("link", name="billing").click()
        page.wait_for_url("**/search?service=billing")


def test_every_label_of_the_scatter_is_within_it(visitor: Visitor, silent: Collector) -> None:
    silent.send(body(Made(1, 1, start=-100_000, milliseconds=100_000), Made(2, 1, start=-100, milliseconds=100)))
    beyond = """() => [...document.querySelectorAll(".scatter text")].filter((label) =>
        label.getBoundingClientRect().left < document.querySelector(".scatter").getBoundingClientRect().left).length"""
    with visitor.at(silent.query, "/search") as page:
        page.locator(".scatter text", has_text="1 min 40 s").wait_for()
        assert page.evaluate(beyond) == 0


def test_nothing_is_new_where_there_was_nothing_before(visitor: Visitor, silent: Collector) -> None:
    earlier = Fleet(silent)
    earlier.send(*journey(1, -1000))
    with visitor.at(silent.query, "/") as page:
        page.wait_for_selector("td.spread")
        assert page.get_by_text("new", exact=True).count() == 0
        earlier.send(Made(2, 1, service="older", name="GET /", start=-90 * 60_000))
        page.reload()
        page.get_by_text("new", exact=True).first.wait_for()


def test_every_duration_of_a_narrow_waterfall_is_readable(visitor: Visitor, fleet: Fleet) -> None:
    beyond = """() => [...document.querySelectorAll(".track .length, .ticks span")].filter((label) => {
        const [inner, outer] = [label.getBoundingClientRect(), label.parentElement.getBoundingClientRect()];
        return inner.left < outer.left - 1 || inner.right > outer.right + 1;
    }).map((label) => label.textContent)"""
    upon = """() => [...document.querySelectorAll(".ticks span")].map((each) => each.getBoundingClientRect())
        .filter((each, at, all) => at && each.left < all[at - 1].right).length"""
    with visitor.at(fleet.address, f"/trace/{trace_id(REPEATING)}", (390, 800)) as page:
        page.locator(".row .usual").first.wait_for()
        assert page.locator(".track .length").count() > 5
        assert page.locator(".ticks span").count() > 1
        assert page.evaluate(beyond) == []
        assert page.evaluate(upon) == 0


@pytest.mark.parametrize(
    "path",
    [
        "/",
        *(
            pytest.param(path, marks=pytest.mark.matrix)
            for path in ("/map", "/hops", f"/compare?a={trace_id(GOOD)}&b={trace_id(SLOW)}")
        ),
    ],
)
def test_nothing_is_out_of_sight_on_a_narrow_screen_and_every_figure_is_named(
    visitor: Visitor, fleet: Fleet, path: str
) -> None:
    beyond = """() => [...document.querySelectorAll(".scroll, td, td *")].filter((each) =>
        each.matches(".scroll") ? each.scrollWidth > each.clientWidth
                                : each.getBoundingClientRect().right > innerWidth).length"""
    unnamed = """() => [...document.querySelectorAll("td.number")].filter((each) =>
        getComputedStyle(each, "::before").content !== JSON.stringify(each.dataset.title)).length"""
    with visitor.at(fleet.address, path, (390, 800)) as page:
        page.wait_for_selector("td.number")
        assert page.evaluate(beyond) == 0
        assert page.evaluate(unnamed) == 0
        assert page.get_by_role("cell").count() > page.get_by_role("row").count() > 1


def test_the_map_of_a_trace_is_worked_out_when_it_is_looked_at(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, f"/trace/{trace_id(GOOD)}") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.locator(".row .critical").first.wait_for()
        assert not any(url.endswith("/graph") for url in asked)
        page.get_by_role("tab", name="Map").click()
        page.locator("[role=tabpanel] .map .box").first.wait_for()
        assert len([url for url in asked if url.endswith("/graph")]) == 1


def test_a_span_names_those_of_other_traces_that_link_to_it_and_they_lead_back(
    visitor: Visitor, silent: Collector
) -> None:
    consumers = range(2, 62)
    silent.send(body(Made(1, 1, service="gate", name="send orders")))
    for trace in consumers:
        silent.send(linking(Made(trace, 1, service="billing", name=f"process {trace}"), (1, 1)))
    with visitor.at(silent.query, f"/trace/{trace_id(1)}?span={1:016x}", scheme="dark") as page:
        page.locator(".panel summary", has_text="Linked from 60").wait_for()
        page.get_by_text("The newest 20 of 60.").wait_for()
        assert page.locator(".panel .links li").count() == 20
        assert violations(page) == []
        page.get_by_role("link", name="process 61").click()
        page.wait_for_selector(".panel h2:has-text('process 61')")
        page.locator(".panel summary", has_text="Links to 1").wait_for()
        page.get_by_role("link", name="trace 00000000").click()
        page.wait_for_selector(".panel h2:has-text('send orders')")


def test_a_link_within_the_trace_shows_the_span_where_it_is(visitor: Visitor, silent: Collector) -> None:
    silent.send(body(Made(1, 1, name="first"), Made(1, 3, parent=1, name="other", start=1)))
    silent.send(linking(Made(1, 2, parent=1, name="second", start=2), (1, 3)))
    with visitor.at(silent.query, f"/trace/{trace_id(1)}?span={3:016x}") as page:
        page.locator(".panel .links").get_by_role("button", name="second").click()
        page.wait_for_selector(".panel h2:has-text('second')")
        page.locator(".panel .links").get_by_role("button", name="other").click()
        page.wait_for_selector(".panel h2:has-text('other')")


# --- By keyboard ------------------------------------------------------------------------------------------------------


def test_the_waterfall_is_walked_by_keys_alone(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, f"/trace/{trace_id(FAILING)}") as page:
        rows = page.get_by_role("treegrid")
        count = rows.get_attribute("aria-rowcount")
        rows.focus()
        for key in ("ArrowDown", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        page.wait_for_selector(".panel h2:has-text('GET /identity')")
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector('[role="treegrid"][aria-rowcount="3"]')
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(f'[role="treegrid"][aria-rowcount="{count}"]')
        page.keyboard.press("e")
        page.wait_for_selector(".panel h2:text-is('GET')")
        page.keyboard.press("z")
        page.locator(".pane").wait_for()
        page.keyboard.press("0")
        page.locator(".pane").wait_for(state="hidden")


@pytest.mark.matrix
def test_the_details_are_closed_by_escape_and_the_focus_is_back_at_the_rows(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, f"/trace/{trace_id(GOOD)}") as page:
        page.get_by_role("treegrid").press("Enter")
        page.get_by_role("button", name="Close the details").focus()
        page.keyboard.press("Escape")
        page.locator(".panel").wait_for(state="hidden")
        assert page.evaluate("document.activeElement.getAttribute('role')") == "treegrid"


@pytest.mark.matrix
def test_tabs_are_changed_by_arrows(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, f"/trace/{trace_id(GOOD)}") as page:
        page.get_by_role("tab", name="Timeline").press("ArrowRight")
        page.wait_for_selector("#tab-hops .parts")
        assert page.evaluate("document.activeElement.textContent") == "Hops"


def test_a_search_is_typed_and_sent_by_enter(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, "/search") as page:
        page.wait_for_selector(".traces li")
        page.get_by_label("Where").fill("exception.type or status = error")
        page.get_by_label("Where").press("Enter")
        expect(page.locator(".traces li")).to_have_count(1)
        assert "where=" in page.url
        page.locator(".traces li a").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/trace/{trace_id(FAILING)}")
        expect(page.locator("#main")).to_be_focused()


@pytest.mark.matrix
def test_every_control_is_reached_by_tab_and_named(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, "/map") as page:
        page.wait_for_selector(".map .box")
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(
                page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent")
            )
        assert {"Skip to the content", "Overview", "Time range", "Live", "Theme: Auto"} <= reached
        assert any("llm-gateway calls prompts" in name for name in reached)


@pytest.mark.matrix
def test_a_column_sorts_by_enter(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, "/") as page:
        page.get_by_role("button", name="p99").press("Enter")
        page.wait_for_selector('th[aria-sort="descending"]:has-text("p99")')
        assert page.evaluate("document.activeElement.textContent") == "p99"
        assert "sort=p99" in page.url


@pytest.mark.matrix
def test_a_trace_id_that_is_pasted_opens_its_trace(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, "/") as page:
        field = page.get_by_label("Open a trace by its id")
        field.fill(trace_id(GOOD))
        field.press("Enter")
        page.get_by_role("treegrid").wait_for()


# --- Live, light and dark, large and empty ----------------------------------------------------------------------------


def test_what_arrives_is_there_without_a_reload(visitor: Visitor, silent: Collector) -> None:
    with visitor.at(silent.query, "/search") as page:
        page.wait_for_selector('.live[data-state="live"]')
        Fleet(silent).send(*journey(GOOD, -100))
        page.locator(".traces li a", has_text="GET /gate").wait_for()


def test_a_hidden_tab_closes_its_stream_and_catches_up_when_it_is_seen_again(
    visitor: Visitor, silent: Collector
) -> None:
    with visitor.at(silent.query, "/search") as page:
        page.wait_for_selector('.live[data-state="live"]')
        with page.expect_event("requestfailed", lambda request: request.url.endswith("/query/live")):
            _become(page, "hidden")
        Fleet(silent).send(*journey(GOOD, -100))
        assert page.locator(".traces li").count() == 0
        _become(page, "visible")
        page.locator(".traces li a", has_text="GET /gate").wait_for()


def test_what_is_live_is_asked_again_each_minute_also_when_nothing_comes_and_the_while_before_only_then(
    visitor: Visitor, fleet: Fleet
) -> None:
    with visitor.at(fleet.address, "/") as page:
        # Far from the end of a minute.
        page.clock.install(time=time.time() // 60 * 60 + 10)
        page.reload()
        page.wait_for_selector('.live[data-state="live"]')
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        with page.expect_event("requestfinished", _the_nth_about_operations(2)):
            page.clock.fast_forward(61_000)
        _look_away_and_back(page)
        with page.expect_event("requestfinished", _the_nth_about_operations(1)):
            page.clock.fast_forward(2_000)

    assert sum("/query/operations?" in url for url in asked) == 3


def _the_nth_about_operations(number: int) -> Callable[[Request], bool]:
    seen = count(1)
    return lambda request: "/query/operations?" in request.url and next(seen) == number


def _become(page: Page, state: str) -> None:
    # A headless browser shows all its tabs at once; so the page is told what a browser would tell it.
    page.evaluate(
        "(state) => { Object.defineProperty(document, 'visibilityState', {configurable: true, get: () => state});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        state,
    )


@pytest.mark.parametrize(
    ("path", "what"), [("/errors", ".card"), pytest.param("/map", ".map .box", marks=pytest.mark.matrix)]
)
def test_what_could_not_be_asked_is_there_again_when_it_can(
    visitor: Visitor, fleet: Fleet, path: str, what: str
) -> None:
    query = "**/query/graph*" if path == "/map" else "**/query/errors*"
    with visitor.at(fleet.address, path, notes=("ERR_FAILED",)) as page:
        page.wait_for_selector(what)
        page.route(query, lambda route: route.abort())
        _look_away_and_back(page)
        page.get_by_role("alert").get_by_text("Is it still running?").wait_for()
        page.unroute(query)
        _look_away_and_back(page)
        page.wait_for_selector(what)


def test_a_page_whose_files_do_not_fit_together_says_what_to_do(visitor: Visitor, silent: Collector) -> None:
    with visitor.at(silent.query, "/", notes=("does not provide an export",)) as page:
        page.route(
            "**/web/dom.js", lambda route: route.fulfill(body="export const older = 1;", content_type="text/javascript")
        )
        page.reload()

        page.get_by_text("restart the collector").wait_for()


def _look_away_and_back(page: Page) -> None:
    _become(page, "hidden")
    _become(page, "visible")


@pytest.mark.matrix
def test_the_theme_is_the_systems_until_it_is_chosen_and_then_stays(visitor: Visitor, fleet: Fleet) -> None:
    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    with visitor.at(fleet.address, "/", scheme="light") as page:
        light = ground()
        page.get_by_role("button", name="Theme").click()
        dark = ground()
        page.reload()
        page.wait_for_selector("main h1")
        assert dark != light
        assert ground() == dark


def test_the_command_of_the_empty_page_makes_a_trace_appear_on_it(visitor: Visitor, silent: Collector) -> None:
    with visitor.at(silent.query, "/") as page:
        shown = page.locator(".empty code").inner_text()
        launch = shlex.split(shown)[:-2]
        code = "from opentelemetry import trace; trace.get_tracer('t').start_span('first').end()"
        assert launch[0] == "platform-trace"
        assert run(*launch, sys.executable, "-c", code).returncode == 0
        page.get_by_label("All spans").check()
        page.get_by_role("link", name="first").wait_for()


def test_of_10_000_spans_only_those_in_sight_are_in_the_document(visitor: Visitor, silent: Collector) -> None:
    large = Fleet(silent).send_large()
    with visitor.at(silent.query, f"/trace/{large}") as page:
        rows = page.get_by_role("treegrid")
        assert rows.get_attribute("aria-rowcount") == "10000"
        rows.press("End")
        page.wait_for_selector('.row[aria-rowindex="10000"]')
        assert page.locator(".row").count() < 150


@pytest.mark.matrix
def test_an_address_that_leads_nowhere_says_so(visitor: Visitor, fleet: Fleet) -> None:
    # The browser itself notes each answer of 404.
    with visitor.at(fleet.address, f"/trace/{'9' * 32}", notes=("404",)) as page:
        page.get_by_text("This trace is not here").wait_for()


@pytest.mark.matrix
def test_a_condition_that_is_not_understood_is_explained(visitor: Visitor, fleet: Fleet) -> None:
    with visitor.at(fleet.address, "/search?max=soon") as page:
        page.get_by_role("alert").get_by_text("a duration such as 200ms").wait_for()
