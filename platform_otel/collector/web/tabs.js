// Tabs, as the ARIA practices have them: arrows go from one to the next.

import { element, refill } from "./dom.js";

/** Tabs [{name, title, show(): node}]; chosen(name) is told. A tab's room is filled when it is first looked at. */
export function tabs(label, entries, first, chosen) {
  const rooms = new Map(
    entries.map(({ name }) => [
      name,
      element("div", { role: "tabpanel", id: `tab-${name}`, "aria-labelledby": `tab-of-${name}`, hidden: true }),
    ]),
  );
  const buttons = new Map(
    entries.map(({ name, title }) => [
      name,
      element(
        "button",
        {
          role: "tab",
          id: `tab-of-${name}`,
          "aria-controls": `tab-${name}`,
          on: { click: () => choose(name), keydown: (event) => moved(event, name) },
        },
        title,
      ),
    ]),
  );
  const filled = new Set();
  const names = entries.map(({ name }) => name);
  const node = element(
    "div",
    { class: "tabs" },
    element("div", { role: "tablist", "aria-label": label }, [...buttons.values()]),
    [...rooms.values()],
  );

  function choose(name, quietly = false) {
    for (const each of names) {
      rooms.get(each).hidden = each !== name;
      buttons.get(each).setAttribute("aria-selected", String(each === name));
      buttons.get(each).tabIndex = each === name ? 0 : -1;
    }
    if (!filled.has(name)) {
      filled.add(name);
      refill(rooms.get(name), entries.find((each) => each.name === name).show());
    }
    if (!quietly) chosen(name);
  }

  function moved(event, name) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = names[(names.indexOf(name) + step + names.length) % names.length];
    choose(next);
    buttons.get(next).focus();
  }

  choose(names.includes(first) ? first : names[0], true);
  return { node, choose };
}
