// A table whose columns sort: by a click on a heading, or by Enter on it.

import { element, refill } from "./dom.js";

const MOST = 500;

/**
 * A table. Where there is little width each row is a block, with the headings before the values.
 *
 * columns: {key, title, cell(row), sort(row) if it sorts, number if it holds figures, describe: what the heading means}.
 * order: {key, down}; chosen(order) is told when somebody sorts.
 */
export function table({ caption, columns, order, chosen, most = MOST, empty = "nothing" }) {
  // The roles are those that the elements have; but with blocks for rows, some browsers take them away.
  const head = element("tr", { role: "row" });
  const body = element("tbody", { role: "rowgroup" });
  const note = element("p", { class: "quiet note" });
  const node = element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element(
      "table",
      { role: "table" },
      element("caption", { class: "unseen" }, caption),
      element("thead", { role: "rowgroup" }, head),
      body,
    ),
    note,
  );
  let rows = [];
  let current = order;

  function headings() {
    refill(
      head,
      columns.map((column) =>
        element(
          "th",
          { role: "columnheader", scope: "col", class: kindOf(column), "aria-sort": sorted(column), title: column.describe },
          column.sort
            ? element("button", { class: "plain", on: { click: () => sortBy(column) } }, column.title)
            : column.title,
        ),
      ),
    );
  }

  function sorted(column) {
    if (!column.sort) return null;
    if (column.key !== current.key) return "none";
    return current.down ? "descending" : "ascending";
  }

  function sortBy(column) {
    const same = current.key === column.key;
    current = { key: column.key, down: same ? !current.down : Boolean(column.number) };
    const focused = columns.indexOf(column);
    show(rows);
    head.children[focused].querySelector("button").focus();
    chosen?.(current);
  }

  function show(given) {
    rows = given;
    headings();
    const column = columns.find((each) => each.key === current.key && each.sort);
    const sortedRows = column ? [...rows].sort(by(column.sort, current.down)) : rows;
    const shown = sortedRows.slice(0, most);
    refill(
      body,
      shown.length
        ? shown.map(rowOf)
        : element(
            "tr",
            { role: "row" },
            element("td", { role: "cell", colspan: String(columns.length), class: "quiet" }, empty),
          ),
    );
    note.textContent = rows.length > most ? `${most} of ${rows.length} are shown.` : "";
  }

  function rowOf(row) {
    return element(
      "tr",
      { role: "row" },
      columns.map((column) =>
        element("td", { role: "cell", class: kindOf(column), "data-title": column.title }, column.cell(row)),
      ),
    );
  }

  return { node, show };
}

/** Compares two rows by what a function makes of them; what is equal keeps its order. */
export function by(key, down) {
  return (first, second) => {
    const [one, other] = [key(first), key(second)];
    if (one === other) return 0;
    return (one < other ? -1 : 1) * (down ? -1 : 1);
  };
}

function kindOf(column) {
  return [column.number ? "number" : "", column.class ?? ""].join(" ").trim() || null;
}
