// Addresses of the page's views. Pure functions.

const PATTERNS = [
  ["overview", /^\/$/],
  ["map", /^\/map$/],
  ["search", /^\/search$/],
  ["trace", /^\/trace\/([0-9a-fA-F]{32})$/],
  ["compare", /^\/compare$/],
  ["hops", /^\/hops$/],
  ["errors", /^\/errors$/],
  ["broken", /^\/broken$/],
];

/** The view that an address means, its trace id if it has one, and its query; view is "" if there is none. */
export function parse(pathname, search = "") {
  const query = Object.fromEntries(new URLSearchParams(search));
  for (const [view, pattern] of PATTERNS) {
    const found = pattern.exec(pathname);
    if (found) return { view, id: (found[1] ?? "").toLowerCase(), query };
  }
  return { view: "", id: "", query };
}

/** An address with a query, without what is empty. */
export function address(pathname, query = {}) {
  const kept = Object.entries(query).filter(
    ([, value]) => value !== "" && value !== null && value !== undefined && value !== false,
  );
  const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${pathname}?${text}` : pathname;
}

/** The address of a trace, and of a span in it. */
export function traceAddress(id, span = "") {
  return address(`/trace/${/^[0-9a-f]{32}$/i.test(id) ? id : "0".repeat(32)}`, { span });
}

/** The address of a search for the calls of one service to another, of the same time as a view's query. */
export function callsAddress({ caller, callee }, { range, start, end }) {
  return address("/search", { range, start, end, order: "slowest", service: callee, caller });
}

/** Whether a text is a trace id, as somebody pastes it. */
export function isTraceId(text) {
  return /^[0-9a-f]{32}$/i.test(text.trim());
}
