// A service, wherever it is named: its colour and its name together.

import { colourOf } from "./colour.js";
import { element } from "./dom.js";

/** The name with its colour before it. */
export function service(name) {
  return element(
    "span",
    { class: "service", vars: colourOf(name), title: name },
    element("i", { class: "swatch", "aria-hidden": "true" }),
    element("span", { class: "text" }, name || "(no name)"),
  );
}

/** Several of them; those beyond the most are counted. */
export function services(names, most = 4) {
  const more = names.length - most;
  return element(
    "span",
    { class: "services" },
    names.slice(0, most).map(service),
    more > 0 ? element("span", { class: "quiet" }, `+${more}`) : null,
  );
}
