// One trace: where its time went, span by span.

import { ask, askIfPossible, askIfThere } from "./api.js";
import { logList, showDetails } from "./details.js";
import { element, refill } from "./dom.js";
import { hopTable } from "./hop_table.js";
import { linkedFrom } from "./links.js";
import { aligned, endOf, marksOf, skewSentences } from "./marks.js";
import { minimap } from "./minimap.js";
import { empty, failure } from "./notices.js";
import { logsOf, spansOf } from "./otlp.js";
import { serviceMap } from "./service_map.js";
import { tabs } from "./tabs.js";
import { markLegend, timelineBar } from "./timeline_bar.js";
import { tookWords, traceHeading } from "./trace_heading.js";
import { traceNotes } from "./trace_notes.js";
import { order, treeOf, weights } from "./tree.js";
import { Waterfall } from "./waterfall.js";
import { nanoseconds } from "./window.js";
import { whole } from "./zoom.js";

export const title = "Trace";
const HOUR = 3600000;
// Of a trace through more than these, the operations of all services are asked for at once.
const MOST_SERVICES = 20;

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
  return { id, spans, start, tree, order: order(tree), weights: weights(spans, tree), end: endOf(spans) };
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
  state.legend = markLegend();
  state.took = element("span", { class: "figure" }, tookWords(trace.end, trace.end));
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
  page.main.append(traceHeading(state, rootOf(trace)), state.notes, views.node);
  note(state);
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

function timeline(state) {
  const failed = state.trace.spans.some((span) => span.status === "error");
  return element(
    "div",
    { class: "timeline" },
    timelineBar(state.rows, failed, state.reset, state.legend),
    state.mini.node,
    element("div", { class: "beside" }, state.rows.node, state.panel),
  );
}

function zoomed(state) {
  state.mini.frame(state.rows.view);
  state.reset.hidden = state.rows.isWhole;
}

// --- What follows ---------------------------------------------------------------------------------------------------

function waiting() {
  return element("div", {}, element("p", { class: "quiet" }, "One moment…"));
}

// Only those who look at it wait for it.
function mapOf(state) {
  const room = waiting();
  ask(`traces/${state.id}/graph`, {}, state.page.signal).then(
    (graph) => refill(room, serviceMap(graph, {})),
    (error) => state.page.signal.aborted || refill(room, failure(error)),
  );
  return room;
}

// Each answer is shown as it comes: one of them may take seconds.
function learn(state) {
  return Promise.all([learnHops(state), learnUsual(state), learnLogs(state)]);
}

async function learnHops(state) {
  const { id, page } = state;
  try {
    state.analysis = await ask(`traces/${id}/analysis`, {}, page.signal);
  } catch (error) {
    if (page.signal.aborted) throw error;
    refill(state.hops, failure(error));
    return;
  }
  refill(state.hops, hopTable(state.analysis));
  mark(state);
}

async function learnUsual(state) {
  const { page, trace } = state;
  const began = Number(state.start / 1000000n);
  const span = { start: nanoseconds(began - HOUR), end: nanoseconds(began + HOUR) };
  const services = [...new Set(trace.spans.map((each) => each.service))];
  const answers = await Promise.all(
    (services.length > MOST_SERVICES ? [""] : services).map((service) =>
      askIfPossible("operations", { ...span, service }, page.signal),
    ),
  );
  state.operations = answers.flatMap((answer) => answer?.operations ?? []);
  mark(state);
}

async function learnLogs(state) {
  const logs = await askIfPossible(`traces/${state.id}/logs`, {}, state.page.signal);
  state.logs = logs ? logsOf(logs, state.start) : null;
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
  fillAgain(state);
}

function mark(state) {
  const { measured, trace } = state;
  const marks = marksOf(measured, state.start, state.analysis, state.operations, state.aligned);
  const moved = aligned(measured, marks.shifts);
  const spans = state.aligned ? moved : measured;
  if (spans !== trace.spans) move(state, spans);
  state.rows.mark(marks);
  state.legend.show(marks);
  refill(state.took, tookWords(endOf(measured), endOf(moved)));
  note(state);
  fillAgain(state);
}

function move(state, spans) {
  const { trace, rows, mini } = state;
  Object.assign(trace, { spans, end: endOf(spans) });
  rows.regroup();
  mini.draw();
  rows.zoom(whole(trace.end));
}

function note(state) {
  const turned = (on) => {
    state.aligned = on;
    mark(state);
    state.notes.querySelector("input").focus();
  };
  refill(
    state.notes,
    traceNotes(skewSentences(state.analysis), state.trace.tree.orphans.size, state.aligned, turned),
  );
}

// --- Details --------------------------------------------------------------------------------------------------------

function select(state, index) {
  fill(state, index);
  state.panel.hidden = false;
  remember(state, { span: state.trace.spans[index].id });
}

function fillAgain(state) {
  if (state.rows.chosen >= 0 && !state.panel.hidden) fill(state, state.rows.chosen);
}

function fill(state, index) {
  showDetails(state.panel, {
    trace: state.trace,
    marks: state.rows.marks,
    index,
    logs: state.logs,
    linkedFrom: linksTo(state, index),
    close: () => closeDetails(state),
    open: (position) => state.rows.reveal(position),
  });
}

// Asked once while a span is shown, and no longer when it is another.
function linksTo(state, index) {
  if (state.linked?.index !== index) {
    state.linked?.asking.abort();
    const asking = new AbortController();
    const signal = AbortSignal.any([asking.signal, state.page.signal]);
    const node = linkedFrom(state.trace, state.trace.spans[index], (at) => state.rows.reveal(at), signal);
    state.linked = { index, asking, node };
  }
  return state.linked.node;
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
