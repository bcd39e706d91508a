// Operations with their rates, errors and durations, beside the while before.

import { ask, askIfPossible } from "./api.js";
import { element, link, place, refill } from "./dom.js";
import { change, count, duration, percent, rate, several } from "./format.js";
import { seldom } from "./live.js";
import { empty, failure, howToSend } from "./notices.js";
import { beside, chosen, total } from "./operations.js";
import { address } from "./route.js";
import { logarithmic } from "./scale.js";
import { service } from "./service.js";
import { table } from "./table.js";
import { asked, before, counted, seconds } from "./window.js";

export const title = "Overview";
const KINDS = [
  ["requests", "Requests"],
  ["calls", "Calls"],
  ["all", "All spans"],
];
const REFRESH = 2000;

/** Shows it. */
export async function show(page) {
  const { query } = page.route;
  const state = {
    kind: KINDS.some(([name]) => name === query.kind) ? query.kind : "requests",
    text: query.text ?? "",
    window: counted(page.window()),
    rows: [],
    earlier: null,
    // Whether there was anything in the while before: else all would be called new.
    comparable: false,
    scale: null,
  };
  const summary = element("p", { class: "summary" });
  const order = { key: query.sort ?? "rate", down: query.up === undefined };
  const list = table({
    caption: "Operations",
    columns: columns(state),
    order,
    chosen: (now) => {
      Object.assign(order, now);
      note();
    },
    empty: "No operation is like this.",
  });
  const room = element("div", {}, list.node);

  function note() {
    page.remember(
      {
        ...kept(page),
        kind: state.kind === "requests" ? "" : state.kind,
        text: state.text,
        sort: order.key === "rate" ? "" : order.key,
        up: order.down ? "" : "1",
      },
      true,
    );
  }

  function draw() {
    const shown = chosen(state.rows, state.kind, state.text);
    state.scale = logarithmic(
      Math.min(...shown.map((each) => each.p50Nano), Infinity),
      Math.max(...shown.map((each) => each.p99Nano), 1),
    );
    const all = total(shown);
    refill(
      summary,
      figure(rate(all.count, seconds(state.window)), "in all"),
      figure(percent(all.errorCount / all.count), several(all.errorCount, "error"), all.errorCount > 0),
      figure(count(shown.length), shown.length === 1 ? "operation" : "operations"),
      figure(count(new Set(shown.map((each) => each.service)).size), "services"),
    );
    list.show(shown);
  }

  async function load() {
    state.window = counted(page.window());
    const [now, earlier] = await Promise.all([
      ask("operations", asked(state.window), page.signal),
      earlierOnes(before(state.window)),
    ]);
    state.rows = beside(now.operations, earlier.operations);
    state.comparable = earlier.operations.length > 0;
    refill(room, state.rows.length ? list.node : await nothing(page));
    draw();
  }

  // The while before is another one only once a minute.
  async function earlierOnes(span) {
    const same = JSON.stringify(asked(span));
    if (state.earlier?.same !== same)
      state.earlier = { same, answer: await ask("operations", asked(span), page.signal) };
    return state.earlier.answer;
  }

  const again = seldom(REFRESH, () => load().catch((error) => page.signal.aborted || refill(room, failure(error))));
  page.main.append(
    element("div", { class: "heading" }, element("h1", {}, "Overview"), summary),
    element(
      "div",
      { class: "bar" },
      kinds(state, () => {
        note();
        draw();
      }),
      filter(state, () => {
        note();
        draw();
      }),
    ),
    room,
  );
  await load();
  if (!state.window.fixed) page.live.follow(again, page.signal);
}

function figure(value, words, bad = false) {
  return element("span", { class: bad ? "figure bad" : "figure" }, element("b", {}, value), ` ${words}`);
}

function kept(page) {
  const { range, start, end } = page.route.query;
  return { range, start, end };
}

function kinds(state, changed) {
  return element(
    "fieldset",
    { class: "choices" },
    element("legend", { class: "unseen" }, "Kind of operation"),
    KINDS.map(([name, text]) =>
      element(
        "label",
        {},
        element("input", {
          type: "radio",
          name: "kind",
          value: name,
          checked: state.kind === name,
          on: {
            change: () => {
              state.kind = name;
              changed();
            },
          },
        }),
        element("span", {}, text),
      ),
    ),
  );
}

function filter(state, changed) {
  const field = element("input", {
    type: "search",
    "aria-label": "Filter by service or operation",
    placeholder: "Filter by service or operation",
    value: state.text,
    on: {
      input: () => {
        state.text = field.value;
        changed();
      },
    },
  });
  return field;
}

function columns(state) {
  return [
    { key: "service", title: "Service", sort: (row) => row.service.toLowerCase(), cell: (row) => service(row.service) },
    {
      key: "operation",
      title: "Operation",
      class: "name",
      sort: (row) => row.operation.toLowerCase(),
      cell: (row) => [
        link(
          address("/search", { service: row.service, operation: row.operation, kind: row.kind }),
          { title: row.operation },
          row.operation || "(no name)",
        ),
        " ",
        element("small", { class: "quiet" }, row.kind),
      ],
    },
    {
      key: "rate",
      class: "moved",
      title: "Rate",
      number: true,
      sort: (row) => row.count,
      describe: "How many ended, per time",
      cell: (row) =>
        withChange(
          rate(row.count, seconds(state.window)),
          row.before && change(row.count / seconds(state.window), row.before.count / seconds(before(state.window))),
          "plain",
          state.comparable && !row.before,
        ),
    },
    {
      key: "errors",
      class: "moved",
      title: "Errors",
      number: true,
      sort: (row) => row.errorRate,
      describe: "The share that failed",
      cell: (row) => withChange(errorCell(row), row.before && change(row.errorRate, row.before.errorRate), "bad"),
    },
    ...[50, 95, 99].map((share) => quantile(share)),
    {
      key: "spread",
      title: "p50 – p95 – p99",
      class: "spread",
      describe: "On one logarithmic scale for all rows",
      cell: (row) => spread(row, state.scale),
    },
  ];
}

function quantile(share) {
  const name = `p${share}Nano`;
  return {
    key: `p${share}`,
    title: `p${share}`,
    class: "moved",
    number: true,
    sort: (row) => row[name],
    describe: `${share} of 100 took no longer`,
    cell: (row) => withChange(duration(row[name]), row.before && change(row[name], row.before[name]), "bad"),
  };
}

function errorCell(row) {
  if (!row.errorCount) return element("span", { class: "quiet" }, "0 %");
  return link(
    address("/search", { service: row.service, operation: row.operation, kind: row.kind, status: "error" }),
    { class: "bad", title: several(row.errorCount, "error") },
    percent(row.errorRate),
  );
}

// What grew is bad for errors and durations, and merely so for rates. The sign says it without the colour.
function withChange(value, moved, meaning, isNew = false) {
  const text = moved?.text ?? (isNew ? "new" : "");
  const tone =
    moved?.direction === "up" && meaning === "bad"
      ? "bad"
      : moved?.direction === "down" && meaning === "bad"
        ? "good"
        : "quiet";
  return [
    value,
    element("small", { class: `change ${tone}`, title: text ? "against the while before, just as long" : null }, text),
  ];
}

function spread(row, scale) {
  const [low, middle, high] = [row.p50Nano, row.p95Nano, row.p99Nano].map(
    (value) => `${(scale(value) * 100).toFixed(2)}%`,
  );
  const glyph = element(
    "div",
    {
      class: "glyph",
      role: "img",
      "aria-label": `${duration(row.p50Nano)}, ${duration(row.p95Nano)}, ${duration(row.p99Nano)}`,
    },
    element("i", { class: "line" }),
    element("i", { class: "from" }),
    element("i", { class: "to" }),
  );
  return place(glyph, { "--low": low, "--middle": middle, "--high": high });
}

async function nothing(page) {
  const status = await askIfPossible("status", {}, page.signal);
  const received = status?.received?.traces?.accepted ?? 0;
  if (received) return empty("Nothing in this while", "Spans have arrived, but none of them in the time chosen above.");
  return empty(
    "Nothing has arrived yet",
    "Start a service behind platform-trace and point it here. This page follows what comes.",
    howToSend(status),
  );
}
