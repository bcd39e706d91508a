// What the panel of a span is made of.

import { element } from "./dom.js";
import { several } from "./format.js";
import { text } from "./otlp.js";

const LONGEST = 4000;
/** More than these of one sort are not listed. */
export const MOST = 200;

/** Names with their values, those that are null left out. */
export function pairs(entries) {
  return element(
    "dl",
    { class: "facts" },
    entries
      .filter(Boolean)
      .map(([name, value]) => [element("dt", {}, name), element("dd", {}, cutText(String(value)))])
      .flat(),
  );
}

/** Attributes, by name. */
export function attributes(entries) {
  const sorted = [...entries].sort(([one], [other]) => (one < other ? -1 : 1)).slice(0, MOST);
  return element(
    "dl",
    { class: "attributes" },
    sorted.map(([name, value]) => [element("dt", {}, name), element("dd", {}, cutText(text(value)))]).flat(),
  );
}

/** A part of the panel that closes; null if there is nothing in it. */
export function section(name, size, body, open = true) {
  if (!size) return null;
  return element(
    "details",
    { open },
    element("summary", {}, name, name === "Context" ? null : element("span", { class: "quiet" }, ` ${size}`)),
    body,
  );
}

/** A text that may be too long to show. */
export function cutText(value) {
  return value.length > LONGEST
    ? `${value.slice(0, LONGEST)}… (${several(value.length - LONGEST, "more character")})`
    : value;
}
