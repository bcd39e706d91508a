// A path of services over many traces: what each hop's wait is made of. And where time goes that need not go.

import { askIfPossible } from "./api.js";
import { between, card, line } from "./card.js";
import { element, link, refill } from "./dom.js";
import { duration, percent, several } from "./format.js";
import { PARTS, caller, failedOf, legend, mostOwn, ownCell, partsBar, partsOf } from "./hop_table.js";
import { listing } from "./listing.js";
import { empty } from "./notices.js";
import { address, callsAddress, traceAddress } from "./route.js";
import { service } from "./service.js";
import { table } from "./table.js";
import { asked } from "./window.js";

export const title = "Hops";
const SHARES = [50, 95, 99];
const FINDINGS = { slow_hop: "Slow hop", queue: "Queue", repeated_calls: "Repeated calls" };
const MOST_PATHS = 12;

/** Shows them. */
export async function show(page) {
  const state = {
    path: page.route.query.path ?? "",
    share: SHARES.includes(Number(page.route.query.p)) ? Number(page.route.query.p) : 50,
    answer: null,
  };
  const nothing = empty(
    "No request crossed two services in this while",
    "A path appears as soon as one traced service calls another. Follow one in a terminal:",
    "platform-trace demo",
  );
  const slow = element("div");
  const list = element("div");

  function draw(answer) {
    state.answer = answer;
    if (!answer.paths.length) return null;
    drawTable();
    return element(
      "div",
      {},
      element("div", { class: "paths" }, element("h2", {}, "Paths"), known(answer, page)),
      list,
      slow,
    );
  }

  function drawTable() {
    const { answer } = state;
    const longest = Math.max(...answer.hops.map((hop) => at(hop.wait, state.share)), 1);
    const parts = partsOf(answer.hops, (hop, name) => at(hop.parts[name], state.share));
    const hops = table({
      caption: "Hops of the path",
      columns: columns(state.share, longest, parts, mostOwn(answer.hops, (hop) => at(hop.parts.own, state.share)), page),
      order: { key: "", down: false },
      empty: answer.path.length > 1 ? "No trace takes this path." : "No trace goes through this service.",
    });
    hops.show(answer.hops);
    refill(
      list,
      element(
        "div",
        { class: "bar" },
        element(
          "h2",
          { class: "path" },
          answer.path.flatMap((name, index) => [
            index ? element("span", { class: "quiet", "aria-label": "to" }, " → ") : "",
            service(name),
          ]),
        ),
        element("span", { class: "quiet" }, several(answer.traceCount, "trace")),
        shares(state, () => {
          remember();
          drawTable();
        }),
      ),
      legend(parts),
      hops.node,
    );
  }

  function remember() {
    page.remember({ ...page.route.query, path: state.path, p: state.share === 50 ? "" : state.share }, true);
  }

  const form = pathForm(state, page);
  await listing(page, {
    title,
    query: "hops",
    parameters: () => ({ path: state.path }),
    draw,
    nothing,
    before: form.node,
  });
  form.complete(state.answer);
  const found = await askIfPossible("slow", asked(page.window()), page.signal);
  refill(
    slow,
    found?.findings.length
      ? [
          element("h2", { class: "later" }, "Where time goes that need not go"),
          element("ul", { class: "cards" }, found.findings.map(finding)),
        ]
      : null,
  );
}

function at(spread, share) {
  return spread[`p${share}Nano`];
}

function known(answer, page) {
  const { range, start, end } = page.route.query;
  const current = answer.path.join(",");
  return element(
    "ul",
    { class: "pathlist" },
    answer.paths
      .filter((each) => each.path.length > 1)
      .slice(0, MOST_PATHS)
      .map((each) =>
        element(
          "li",
          {},
          link(
            address("/hops", { range, start, end, path: each.path.join(",") }),
            { "aria-current": each.path.join(",") === current ? "true" : null },
            each.path.join(" → "),
          ),
          element("span", { class: "quiet" }, ` ${several(each.traceCount, "trace")}`),
        ),
      ),
  );
}

function pathForm(state, page) {
  const suggestions = element("datalist", { id: "paths" });
  const field = element("input", {
    type: "text",
    list: "paths",
    placeholder: "gate, identity, llm-gateway, prompts, meter",
    spellcheck: "false",
    value: state.path,
  });
  const node = element(
    "form",
    {
      class: "pathform",
      role: "search",
      "aria-label": "Path",
      on: {
        submit: (event) => {
          event.preventDefault();
          const { range, start, end } = page.route.query;
          page.go(
            address("/hops", {
              range,
              start,
              end,
              path: field.value
                .split(/\s*(?:,|->|→|\s)\s*/)
                .filter(Boolean)
                .join(","),
            }),
          );
        },
      },
    },
    element("label", { class: "field" }, element("span", {}, "Services from the first to the last"), field),
    element("button", { class: "main" }, "Show"),
    suggestions,
  );
  return {
    node,
    complete: (answer) =>
      refill(
        suggestions,
        (answer?.paths ?? []).map((each) => element("option", { value: each.path.join(",") })),
      ),
  };
}

function shares(state, changed) {
  return element(
    "fieldset",
    { class: "choices" },
    element("legend", { class: "unseen" }, "Percentile"),
    SHARES.map((share) =>
      element(
        "label",
        {},
        element("input", {
          type: "radio",
          name: "share",
          value: String(share),
          checked: state.share === share,
          on: {
            change: () => {
              state.share = share;
              changed();
            },
          },
        }),
        element("span", {}, `p${share}`),
      ),
    ),
  );
}

function columns(share, longest, parts, most, page) {
  return [
    { key: "caller", title: "From", class: "end", cell: caller },
    { key: "callee", title: "To", class: "end", cell: (hop) => service(hop.callee) },
    {
      key: "count",
      title: "Calls",
      class: "moved",
      number: true,
      sort: (hop) => hop.count,
      cell: (hop) => [
        link(
          callsAddress(hop, page.route.query),
          { "aria-label": `Traces of ${hop.caller ?? "outside"} calling ${hop.callee}` },
          String(hop.count),
        ),
        failedOf(hop),
      ],
    },
    ...SHARES.map((each) => ({
      key: `p${each}`,
      title: `Wait p${each}`,
      number: true,
      sort: (hop) => at(hop.wait, each),
      cell: (hop) => duration(at(hop.wait, each)),
    })),
    {
      key: "parts",
      title: `Made of, at p${share}`,
      class: "wide",
      describe: "Each part's own percentile; so together they may be more than the wait",
      cell: (hop) => partsBar(partsAt(hop, share), longest),
    },
    ...parts.map(([name, text, describe]) => ({
      key: name,
      title: text,
      number: true,
      describe,
      sort: (hop) => at(hop.parts[name], share),
      cell: (hop) =>
        name === "own" ? ownCell(at(hop.parts.own, share), hop === most) : duration(at(hop.parts[name], share)),
    })),
    {
      key: "worst",
      title: "Worst",
      number: true,
      sort: (hop) => hop.worstNano,
      cell: (hop) =>
        hop.worstTraceId
          ? link(
              traceAddress(hop.worstTraceId),
              { "aria-label": `The trace in which ${hop.caller ?? "outside"} waited longest for ${hop.callee}` },
              duration(hop.worstNano),
            )
          : "–",
    },
  ];
}

function partsAt(hop, share) {
  return Object.fromEntries(PARTS.map(([name]) => [`${name}Nano`, at(hop.parts[name], share)]));
}

function finding(found) {
  const name = FINDINGS[found.what] ?? found.what;
  return card(
    "warned",
    between(name, found.caller ? service(found.caller) : null, found.service, found.operation),
    `${percent(found.share)} of the time`,
    element("p", {}, found.evidence),
    line(
      link(
        traceAddress(found.traceId, found.spanId),
        { "aria-label": `An example: ${name}, ${found.service} ${found.operation}` },
        "An example",
      ),
      element(
        "span",
        { class: "quiet" },
        `${several(found.count, "time")}${found.peer ? `, calling ${found.peer}` : ""}`,
      ),
    ),
  );
}
