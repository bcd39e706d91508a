// One trace: where its time went, span by span.

import { ask, askIfPossible, askIfThere } from "./api.js";
import { logList, showDetails } from "./details.js";
import { element, link, refill, say } from "./dom.js";
import { duration, moment, several } from "./format.js";
import { hopTable } from "./hop_table.js";
import { KEY_HELP } from "./keys.js";
import { aligned, marksOf, skewSentences } from "./marks.js";
import { minimap } from "./minimap.js";
import { copied, empty, failure } from "./notices.js";
import { logsOf, spansOf } from "./otlp.js";
import { address, isTraceId } from "./route.js";
import { service } from "./service.js";
import { serviceMap } from "./service_map.js";
import { tabs } from "./tabs.js";
import { order, treeOf, weights } from "./tree.js";
import { Waterfall } from "./waterfall.js";
import { nanoseconds } from "./window.js";
import { whole } from "./zoom.js";

export const title = "Trace";
const HOUR = 3600000;

/** Shows it. */
export async function show(page) {
  const { id, query } = page.route;
  const data = await askIfThere(`traces/${id}`, {}, page.signal);
  if (!data) return notThere(page, id);
  const { spans, start } = spansOf(data);
  const trace = traceOf(id, spans, start);
  const state = {
    page,
    id,
    data,
    start,
    trace,
    measured: spans,
    analysis: null,
    operations: null,
    logs: null,
    query: { ...query },
    aligned: false,
  };
  document.title = `${rootOf(trace).name} – platform-trace`;
  build(state);
  return null;
}

function notThere(page, id) {
  page.main.append(
    element("h1", {}, "Trace"),
    empty(
      "This trace is not here",
      `${id} has not arrived, or it was kept as long as the collector keeps traces. Ask it how long:`,
      "platform-trace collector --help",
    ),
  );
}

function traceOf(id, spans, start) {
  const tree = treeOf(spans);
  const end = spans.reduce((most, span) => Math.max(most, span.end), 1);
  return { id, spans, start, tree, order: order(tree), weights: weights(spans, tree), end };
}

function rootOf(trace) {
  const index = trace.tree.roots.find((each) => !trace.tree.orphans.has(each)) ?? trace.tree.roots[0];
  return trace.spans[index];
}

function build(state) {
  const { page, trace } = state;
  state.panel = element("aside", {
    class: "panel",
    "aria-label": "Details of the span",
    hidden: true,
    on: { keydown: (event) => event.key === "Escape" && closeDetails(state) },
  });
  state.notes = element("div", { class: "notes" });
  state.rows = new Waterfall(trace, marksOf(trace.spans, state.start, null, null, false), {
    selected: (index) => select(state, index),
    zoomed: () => zoomed(state),
  });
  state.reset = element(
    "button",
    { class: "small", hidden: true, on: { click: () => state.rows.zoom(whole(state.trace.end)) } },
    "Whole trace",
  );
  state.mini = minimap(trace, (view) => state.rows.zoom(view), page.signal);
  state.mini.frame(state.rows.view);
  state.hops = waiting();
  state.allLogs = waiting();
  const entries = [
    { name: "timeline", title: "Timeline", show: () => timeline(state) },
    { name: "hops", title: "Hops", show: () => state.hops },
    { name: "map", title: "Map", show: () => mapOf(state) },
    { name: "logs", title: "Logs", show: () => state.allLogs },
  ];
  const views = tabs("Ways to look at the trace", entries, state.query.tab, (name) =>
    remember(state, { tab: name === "timeline" ? "" : name }),
  );
  page.main.append(header(state), state.notes, views.node);
  page.shown = () => {
    state.rows.redraw();
    const index = trace.spans.findIndex((span) => span.id === state.query.span);
    if (index >= 0) state.rows.reveal(index);
    // What is learned about the waterfall may not hold it up.
    requestAnimationFrame(() =>
      setTimeout(() => learn(state).catch((error) => page.signal.aborted || page.main.append(failure(error))), 0),
    );
  };
}

function header(state) {
  const { trace, id } = state;
  const root = rootOf(trace);
  const failed = trace.spans.filter((span) => span.status === "error").length;
  const names = new Set(trace.spans.map((span) => span.service));
  return element(
    "div",
    { class: "heading trace" },
    element(
      "div",
      {},
      element("h1", { title: root.name }, service(root.service), " ", root.name || "(no name)"),
      element(
        "p",
        { class: "summary" },
        element("span", { class: "figure" }, element("b", {}, duration(trace.end))),
        element("span", { class: "figure" }, moment(trace.start)),
        element("span", { class: "figure" }, several(trace.spans.length, "span")),
        element("span", { class: "figure" }, several(names.size, "service")),
        failed ? element("span", { class: "figure bad" }, `✕ ${several(failed, "error")}`) : null,
        element("code", { class: "id" }, id),
      ),
    ),
    element("div", { class: "actions" }, actions(state)),
  );
}

function actions(state) {
  const text = () => JSON.stringify(state.data);
  const copy = element(
    "button",
    { on: { click: async () => say((copy.textContent = (await copied(text())) ? "Copied" : "Not copied")) } },
    "Copy JSON",
  );
  const download = element("button", { on: { click: () => save(`${state.id}.json`, text()) } }, "Download");
  const other = element("input", {
    type: "search",
    placeholder: "Compare with trace id",
    "aria-label": "Compare with the trace of this id",
    size: "18",
    spellcheck: "false",
    on: {
      keydown: (event) => {
        if (event.key !== "Enter") return;
        other.setAttribute("aria-invalid", String(!isTraceId(other.value)));
        if (isTraceId(other.value))
          state.page.go(address("/compare", { a: state.id, b: other.value.trim().toLowerCase() }));
      },
    },
  });
  return [copy, download, other];
}

function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function timeline(state) {
  const { rows, trace } = state;
  const failed = trace.spans.some((span) => span.status === "error");
  const bar = element(
    "div",
    { class: "bar" },
    element("button", { class: "small", on: { click: () => rows.all(false) } }, "Close all"),
    element("button", { class: "small", on: { click: () => rows.all(true) } }, "Open all"),
    failed ? element("button", { class: "small", on: { click: () => rows.nextError() } }, "Next error") : null,
    state.reset,
    element(
      "span",
      { class: "legend quiet", "aria-hidden": "true" },
      element("i", { class: "critical" }),
      " critical path",
      element("i", { class: "usual" }),
      " usual p95",
    ),
    element(
      "details",
      { class: "keys" },
      element("summary", {}, "Keys"),
      element(
        "dl",
        { id: "keys" },
        KEY_HELP.map(([key, meaning]) => [
          element("dt", {}, element("kbd", {}, key)),
          element("dd", {}, meaning),
        ]).flat(),
      ),
    ),
  );
  return element(
    "div",
    { class: "timeline" },
    bar,
    state.mini.node,
    element("div", { class: "beside" }, rows.node, state.panel),
  );
}

function zoomed(state) {
  state.mini.frame(state.rows.view);
  state.reset.hidden = state.rows.isWhole;
}

// --- What follows ---------------------------------------------------------------------------------------------------

function waiting() {
  return element("div", {}, quiet("One moment…"));
}

// Only those who look at it wait for it.
function mapOf(state) {
  const room = waiting();
  askIfPossible(`traces/${state.id}/graph`, {}, state.page.signal).then(
    (graph) => refill(room, graph ? serviceMap(graph, {}) : quiet("The map could not be worked out.")),
    () => {},
  );
  return room;
}

function quiet(text) {
  return element("p", { class: "quiet" }, text);
}

async function learn(state) {
  const { id, page } = state;
  const began = Number(state.start / 1000000n);
  const span = { start: nanoseconds(began - HOUR), end: nanoseconds(began + HOUR) };
  const [analysis, operations, logs] = await Promise.all([
    askIfPossible(`traces/${id}/analysis`, {}, page.signal),
    askIfPossible("operations", span, page.signal),
    askIfPossible(`traces/${id}/logs`, {}, page.signal),
  ]);
  Object.assign(state, {
    analysis,
    operations: operations?.operations ?? null,
    logs: logs ? logsOf(logs, state.start) : null,
  });
  mark(state);
  refill(
    state.hops,
    analysis ? hopTable(analysis) : quiet("The hops could not be worked out."),
  );
  refill(
    state.allLogs,
    state.logs?.length
      ? logList(state.logs)
      : empty(
          "No logs came with this trace",
          "Log records that carry the trace's id appear here. Python's logging is exported when a service is started so:",
          "OTEL_LOGS_EXPORTER=otlp platform-trace -- uvicorn identity.main:app",
        ),
  );
}

function mark(state) {
  const marks = marksOf(state.measured, state.start, state.analysis, state.operations, state.aligned);
  const spans = state.aligned ? aligned(state.measured, marks.shifts) : state.measured;
  const wasWhole = state.rows.isWhole;
  Object.assign(state.trace, { spans, end: spans.reduce((most, span) => Math.max(most, span.end), 1) });
  state.rows.mark(marks);
  if (wasWhole) state.rows.zoom(whole(state.trace.end));
  const sentences = skewSentences(state.analysis);
  const turn = element("input", {
    type: "checkbox",
    on: {
      change: () => {
        state.aligned = turn.checked;
        mark(state);
      },
    },
  });
  turn.checked = state.aligned;
  const orphans = state.trace.tree.orphans.size;
  refill(
    state.notes,
    sentences.length
      ? element(
          "div",
          { class: "note warn" },
          sentences.slice(0, 5).map((text) => element("span", {}, `${text} `)),
          element("label", {}, turn, " Show on one clock"),
        )
      : null,
    orphans
      ? element(
          "p",
          { class: "note warn" },
          `${several(orphans, "span")} name${orphans === 1 ? "s" : ""} a parent that has not arrived.`,
        )
      : null,
  );
  if (state.rows.chosen >= 0 && !state.panel.hidden) fill(state, state.rows.chosen);
}

// --- Details --------------------------------------------------------------------------------------------------------

function select(state, index) {
  fill(state, index);
  state.panel.hidden = false;
  remember(state, { span: state.trace.spans[index].id });
}

function fill(state, index) {
  showDetails(state.panel, {
    trace: state.trace,
    marks: state.rows.marks,
    index,
    logs: state.logs,
    close: () => closeDetails(state),
    open: (position) => state.rows.reveal(position),
  });
}

function closeDetails(state) {
  state.panel.hidden = true;
  state.rows.scroller.focus();
  remember(state, { span: "" });
}

function remember(state, change) {
  Object.assign(state.query, change);
  state.page.remember(state.query, true);
}
