// What is said above a trace that is not as it should be: clocks that differ, parents that are missing.

import { element } from "./dom.js";
import { several } from "./format.js";

/** The notes; sentences tell of clocks, and turned(on) is told whether they are to be made one. */
export function traceNotes(sentences, orphans, aligned, turned) {
  return [
    sentences.length ? clocks(sentences, aligned, turned) : null,
    orphans
      ? element(
          "p",
          { class: "note warn" },
          `${several(orphans, "span")} name${orphans === 1 ? "s" : ""} a parent that has not arrived.`,
        )
      : null,
  ];
}

function clocks(sentences, aligned, turned) {
  const turn = element("input", { type: "checkbox", on: { change: () => turned(turn.checked) } });
  turn.checked = aligned;
  return element(
    "div",
    { class: "note warn" },
    sentences.map((text) => element("span", {}, `${text} `)),
    element("label", {}, turn, " Show on one clock"),
  );
}
