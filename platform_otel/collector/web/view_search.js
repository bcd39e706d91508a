// Traces that are as asked: by a form, as points, as a list.

import { ask, askIfPossible } from "./api.js";
import { element, link, place, refill, say } from "./dom.js";
import { ago, duration, moment, several } from "./format.js";
import { seldom } from "./live.js";
import { empty, failure, howToSend } from "./notices.js";
import { fieldsOf, joined, parameters } from "./query.js";
import { address, traceAddress } from "./route.js";
import { scatter } from "./scatter.js";
import { searchForm } from "./search_form.js";
import { service, services } from "./service.js";

export const title = "Search";
const REFRESH = 1000;
// More than these nobody reads; a narrower search is the better way.
const MOST = 1000;

/** Shows it. */
export async function show(page) {
  const state = { query: page.route.query, traces: [], next: null, picked: [], lookedAt: 0 };
  const plot = scatter(
    {
      open: (trace) => page.go(traceAddress(trace.traceId)),
      zoom: (start, end) => page.go(address("/search", { ...fieldsOf(state.query), start, end })),
    },
    page.signal,
  );
  const list = element("ul", { class: "traces", "aria-label": "Traces" });
  const found = element("p", { class: "quiet found", role: "status" });
  const more = element("button", { on: { click: () => guarded(loadMore) } }, "Load more");
  const compare = element(
    "button",
    {
      disabled: true,
      title: "Choose two traces of the list",
      on: { click: () => page.go(address("/compare", { a: state.picked[0], b: state.picked[1] })) },
    },
    "Compare two",
  );
  const trouble = element("div");
  const nothing = element("div");

  function load(after = "") {
    return ask("traces", { ...parameters(state.query, page.window()), after }, page.signal);
  }

  async function loadFirst() {
    const { traces, next, lookedAt } = await load();
    Object.assign(state, { traces, next, lookedAt });
    await draw();
  }

  async function refresh() {
    // Those that were loaded further down stay.
    const answer = await load();
    const known = state.traces.length > answer.traces.length ? state.traces : [];
    state.traces = sorted(joined(known, answer.traces), state.query.order).slice(0, MOST);
    if (!known.length) Object.assign(state, { next: answer.next, lookedAt: answer.lookedAt });
    await draw();
  }

  async function loadMore() {
    const answer = await load(state.next);
    state.traces = joined(state.traces, answer.traces).slice(0, MOST);
    state.next = state.traces.length < MOST ? answer.next : null;
    state.lookedAt += answer.lookedAt;
    await draw();
  }

  async function draw() {
    const longest = Math.max(...state.traces.map((each) => each.durationNano), 1);
    plot.show(state.traces, seen(state, page.window()));
    const focused = document.activeElement?.closest?.("li")?.dataset.trace;
    refill(
      list,
      state.traces.map((each) => row(each, longest, state.picked.includes(each.traceId), pick)),
    );
    if (focused) list.querySelector(`[data-trace="${focused}"] a`)?.focus();
    found.textContent = state.traces.length
      ? `${several(state.traces.length, "trace")}${state.next ? ", and there is more to look at" : ""}`
      : "";
    more.hidden = !state.next;
    compare.hidden = state.traces.length < 2;
    plot.node.hidden = !state.traces.length;
    refill(trouble);
    refill(nothing, state.traces.length ? null : await noTrace(page, state));
  }

  function pick(id, on) {
    state.picked = on ? [...state.picked, id].slice(-2) : state.picked.filter((each) => each !== id);
    for (const box of list.querySelectorAll("input")) box.checked = state.picked.includes(box.value);
    compare.disabled = state.picked.length !== 2;
  }

  async function guarded(work) {
    try {
      await work();
    } catch (error) {
      if (!page.signal.aborted) refill(trouble, failure(error));
    }
  }

  const { form, complete } = await searchForm(page, state, (query) => {
    state.query = query;
    const { range, start, end } = page.route.query;
    page.remember({ range, start, end, ...fieldsOf(query) });
    return guarded(loadFirst).then(() => say(found.textContent || "No trace is like this"));
  });
  page.main.append(
    element("div", { class: "heading" }, element("h1", {}, "Search"), found, compare),
    form,
    trouble,
    plot.node,
    list,
    more,
    nothing,
  );
  await guarded(loadFirst);
  complete();
  if (!page.window().fixed)
    page.live.follow(
      seldom(REFRESH, () => guarded(refresh)),
      page.signal,
    );
}

// The while that points stand in: as far back as traces are loaded, if there are more before.
function seen(state, span) {
  if (!state.next || state.query.order === "slowest") return span;
  const first = state.traces.reduce(
    (least, each) => Math.min(least, Number(BigInt(each.startTimeUnixNano) / 1000000n)),
    span.end,
  );
  return { ...span, start: Math.max(span.start, first - (span.end - first) * 0.02) };
}

function sorted(traces, order) {
  const key = order === "slowest" ? (each) => each.durationNano : (each) => BigInt(each.startTimeUnixNano);
  return traces.sort((one, other) => (key(one) < key(other) ? 1 : -1));
}

function row(trace, longest, picked, pick) {
  const box = element("input", {
    type: "checkbox",
    value: trace.traceId,
    "aria-label": `Choose ${trace.operation} of ${moment(trace.startTimeUnixNano)} to compare`,
    on: { change: () => pick(trace.traceId, box.checked) },
  });
  box.checked = picked;
  const bar = place(element("i", { class: "length", "aria-hidden": "true" }), {
    "--share": `${Math.max(0.5, (trace.durationNano / longest) * 100).toFixed(2)}%`,
  });
  return element(
    "li",
    { "data-trace": trace.traceId, class: trace.errorCount ? "failed" : null },
    box,
    element(
      "div",
      { class: "what" },
      link(
        traceAddress(trace.traceId),
        {},
        service(trace.service),
        element("b", { title: trace.operation }, trace.operation || "(no name)"),
      ),
      trace.rootArrived
        ? null
        : element("span", { class: "tag warn", title: "No span without a parent has arrived" }, "no root"),
    ),
    element("div", { class: "took" }, element("span", {}, duration(trace.durationNano)), bar),
    element(
      "div",
      { class: "about quiet" },
      element("span", {}, several(trace.spanCount, "span")),
      trace.errorCount ? element("span", { class: "bad" }, `✕ ${several(trace.errorCount, "error")}`) : null,
      services(
        trace.services.filter((each) => each !== trace.service),
        3,
      ),
    ),
    element("time", { class: "quiet", title: ago(trace.startTimeUnixNano) }, moment(trace.startTimeUnixNano)),
  );
}

async function noTrace(page, state) {
  if (state.next)
    return empty(
      `None of ${several(state.lookedAt, "trace")} is like this so far`,
      "A search ends after two seconds. Load more goes on from there; a service or an operation makes it quicker.",
    );
  if (Object.keys(fieldsOf(state.query)).length)
    return empty("No trace is like this", "Take a condition away, or choose a longer time above.");
  const status = await askIfPossible("status", {}, page.signal);
  return empty(
    "Nothing has arrived in this while",
    "Start a service behind platform-trace and point it here. Traces appear as they come.",
    howToSend(status),
  );
}
