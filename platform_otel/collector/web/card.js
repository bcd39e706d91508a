// A finding in many traces, as a card: what errors, broken links and slow hops have in common.

import { element } from "./dom.js";
import { ago, moment } from "./format.js";
import { service } from "./service.js";

/** A card; tone is "failed" or "warned", heading what it is about, end how much of it there is, then what to say of it. */
export function card(tone, heading, end, ...said) {
  return element(
    "li",
    { class: `card ${tone}` },
    element("h2", {}, heading, element("span", { class: "quiet end" }, end)),
    said,
  );
}

/** What a finding is called, and between which services it is; caller is null if that is one service alone. */
export function between(name, caller, callee, operation) {
  return [
    element("span", { class: "tag warn" }, name),
    caller ? [caller, element("span", { class: "quiet", "aria-label": "to" }, "→")] : null,
    service(callee),
    element("span", { class: "quiet" }, operation),
  ];
}

/** A line of a card: links, mostly. */
export function line(...children) {
  return element("p", { class: "line" }, children);
}

/** When it was seen first and last, for the end of a line. */
export function seen(found) {
  return element(
    "span",
    { class: "quiet end", title: `${moment(found.firstSeenUnixNano)} – ${moment(found.lastSeenUnixNano)}` },
    `first ${ago(found.firstSeenUnixNano)}, last ${ago(found.lastSeenUnixNano)}`,
  );
}
