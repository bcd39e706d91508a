// The rows of a trace on screen: only those that can be seen are in the document.

import { element, place, refill } from "./dom.js";
import { duration } from "./format.js";
import { KEYS } from "./keys.js";
import { room, ROW, rowNode, widthOf } from "./row_node.js";
import { groupsOf, rowsOf } from "./rows.js";
import { ticks } from "./scale.js";
import { above } from "./tree.js";
import { isWhole, part, scaled, whole } from "./zoom.js";

const BEYOND = 8;

/**
 * The waterfall of a trace.
 *
 * trace: {spans, tree, weights, end}. marks: what is known of each span (see marks.js); may be replaced later.
 * selected(index), zoomed(view) are told what was done.
 */
export class Waterfall {
  constructor(trace, marks, { selected, zoomed }) {
    Object.assign(this, { trace, marks, selected, zoomed });
    this.closed = new Set();
    this.opened = new Set();
    this.view = whole(trace.end);
    this.active = 0;
    this.chosen = -1;
    this.drawn = new Map();
    this.scale = element("div", { class: "ticks", "aria-hidden": "true" });
    this.sheet = element("div", { class: "sheet", role: "presentation" });
    this.scroller = element(
      "div",
      {
        class: "rows",
        tabindex: "0",
        role: "treegrid",
        "aria-label": "Spans",
        "aria-describedby": "keys",
        "aria-colcount": "2",
        on: {
          scroll: () => this.soon(),
          keydown: (event) => this.pressed(event),
          click: (event) => this.clicked(event),
          dblclick: (event) => this.doubled(event),
        },
      },
      this.sheet,
    );
    this.node = element(
      "div",
      { class: "waterfall" },
      element("div", { class: "axisrow" }, element("span", { class: "quiet" }, "Service and operation"), this.scale),
      this.scroller,
    );
    new ResizeObserver(() => this.resized()).observe(this.scroller);
    this.regroup();
  }

  /** Takes marks that came later. */
  mark(marks) {
    this.marks = marks;
    this.redraw();
  }

  /** Shows a part of the time. */
  zoom(view) {
    this.view = view;
    this.zoomed(view);
    this.redraw();
  }

  /** Opens what hides a span, and makes it the active one. */
  reveal(index, choose = true) {
    for (const at of [index, ...above(this.trace.tree, index)]) {
      if (at !== index) this.closed.delete(at);
      const group = this.groups.get(at);
      if (group) this.opened.add(group.key);
    }
    this.settle();
    this.go(this.rows.findIndex((row) => row.index === index && !row.head));
    if (choose) this.choose(index);
  }

  /** Closes or opens everything that can be. */
  all(open) {
    this.opened.clear();
    this.closed = open
      ? new Set()
      : new Set(this.trace.tree.children.flatMap((children, index) => (children.length ? [index] : [])));
    if (open) for (const group of this.groups.values()) this.opened.add(group.key);
    this.settle();
  }

  /** Groups what repeats; anew once spans have other times. */
  regroup() {
    this.groups = groupsOf(this.trace.spans, this.trace.tree);
    this.settle();
  }

  settle() {
    this.rows = rowsOf(this.trace.spans, this.trace.tree, this.groups, this.closed, this.opened);
    this.scroller.setAttribute("aria-rowcount", String(this.rows.length));
    place(this.sheet, { height: `${this.rows.length * ROW}px` });
    this.active = Math.min(this.active, this.rows.length - 1);
    this.redraw();
  }

  resized() {
    if (this.scale.clientWidth === this.width) this.draw();
    else this.redraw();
  }

  redraw() {
    for (const node of this.drawn.values()) node.remove();
    this.drawn.clear();
    this.drawTicks();
    this.draw();
  }

  soon() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    const top = this.scroller.scrollTop;
    const first = Math.max(0, Math.floor(top / ROW) - BEYOND);
    const last = Math.min(this.rows.length, Math.ceil((top + this.scroller.clientHeight) / ROW) + BEYOND);
    for (const [at, node] of this.drawn) {
      if (at < first || at >= last) {
        node.remove();
        this.drawn.delete(at);
      }
    }
    const fresh = document.createDocumentFragment();
    for (let at = first; at < last; at += 1) {
      if (this.drawn.has(at)) continue;
      const node = rowNode(this, this.rows[at], at);
      this.drawn.set(at, node);
      fresh.append(node);
    }
    this.sheet.append(fresh);
    const active = this.drawn.get(this.active);
    if (active) this.scroller.setAttribute("aria-activedescendant", active.id);
    else this.scroller.removeAttribute("aria-activedescendant");
  }

  drawTicks() {
    const { from, to } = this.view;
    const share = (at) => ((at - from) / (to - from)) * 100;
    this.width = this.scale.clientWidth;
    const marks = ticks(from, to, Math.max(2, Math.min(8, this.width / 90)));
    refill(this.scale, ...apart(marks.map((at) => tick(duration(at), share(at), this.width))));
  }

  // --- What is done to it ---------------------------------------------------------------------------------------------

  clicked(event) {
    const at = Number(event.target.closest(".row")?.dataset.at ?? -1);
    if (at < 0) return;
    this.go(at);
    const row = this.rows[at];
    if (event.target.closest(".twisty:not(.none)") || row.head) this.toggle(row);
    else this.choose(row.index);
  }

  doubled(event) {
    const at = Number(event.target.closest(".row")?.dataset.at ?? -1);
    if (at >= 0 && event.target.closest(".track")) this.zoomTo(this.rows[at]);
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = KEYS[`${event.shiftKey && event.key.startsWith("Arrow") ? "Shift+" : ""}${event.key}`];
    if (!act) return;
    event.preventDefault();
    act(this, this.rows[this.active]);
  }

  go(at) {
    if (!this.rows.length) return;
    const before = this.drawn.get(this.active);
    delete before?.dataset.active;
    this.active = Math.min(Math.max(0, at), this.rows.length - 1);
    this.show(this.active);
    this.draw();
    const now = this.drawn.get(this.active);
    if (now) now.dataset.active = "true";
  }

  show(at) {
    const [top, height] = [at * ROW, this.scroller.clientHeight];
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top + ROW > this.scroller.scrollTop + height) this.scroller.scrollTop = top + ROW - height;
  }

  toggle(row) {
    const [set, key] = row.head ? [this.opened, row.group.key] : [this.closed, row.index];
    if (!set.delete(key)) set.add(key);
    this.settle();
  }

  choose(index) {
    this.chosen = index;
    for (const [at, node] of this.drawn)
      node.setAttribute("aria-selected", String(!this.rows[at].head && this.rows[at].index === index));
    this.selected(index);
  }

  isOpen(row) {
    return row.head
      ? this.opened.has(row.group.key)
      : this.trace.tree.children[row.index].length > 0 && !this.closed.has(row.index);
  }

  right(row) {
    const hides = row.head || this.trace.tree.children[row.index].length > 0;
    if (hides && !this.isOpen(row)) this.toggle(row);
    else if (hides) this.go(this.active + 1);
  }

  left(row) {
    if (this.isOpen(row)) return this.toggle(row);
    let at = this.active - 1;
    while (at >= 0 && this.rows[at].depth >= row.depth) at -= 1;
    return at >= 0 && this.go(at);
  }

  nextError() {
    const { spans } = this.trace;
    const from = this.rows[this.active]?.index ?? 0;
    const sequence = this.trace.order;
    const place = sequence.indexOf(from);
    for (let step = 1; step <= sequence.length; step += 1) {
      const index = sequence[(place + step) % sequence.length];
      if (spans[index].status === "error") return this.reveal(index);
    }
    return null;
  }

  zoomTo(row) {
    const { start, end } = row.head ? row.group : this.trace.spans[row.index];
    const margin = (end - start) * 0.05;
    this.zoom(part(start - margin, end + margin, this.trace.end));
  }

  closer(factor, row) {
    const { start, end } = row.head ? row.group : this.trace.spans[row.index];
    const middle = (start + end) / 2;
    const around = middle > this.view.from && middle < this.view.to ? middle : (this.view.from + this.view.to) / 2;
    this.zoom(scaled(this.view, factor, around, this.trace.end));
  }

  get isWhole() {
    return isWhole(this.view, this.trace.end);
  }
}

// A mark of the axis: its words stand left of it where there is no room to the right; from and to are where, in pixels.
function tick(text, share, width) {
  const wide = widthOf(text);
  const before = room(share, width) < wide;
  const from = (share / 100) * width - (before ? wide : 0);
  const node = element("span", { class: before ? "before" : null }, text);
  return { node: place(node, { left: `${share}%` }), from, to: from + wide };
}

// Those that do not lie upon the one before.
function apart(found) {
  let free = -Infinity;
  return found
    .filter(({ from, to }) => {
      const fits = from >= free;
      if (fits) free = to;
      return fits;
    })
    .map(({ node }) => node);
}
