// A trace as a tree of spans. Pure functions, without recursion: a trace may be as deep as it likes.

/** The tree: roots and each span's children, as positions in the list of spans; depth of each; which parents are missing. */
export function treeOf(spans) {
  const positions = new Map(spans.map((span, index) => [span.id, index]));
  const parents = spans.map((span, index) => parentOf(span, index, positions));
  cut(parents);
  const children = spans.map(() => []);
  const roots = [];
  parents.forEach((parent, index) => (parent < 0 ? roots : children[parent]).push(index));
  return {
    roots,
    children,
    parents,
    depths: depths(roots, children),
    orphans: new Set(roots.filter((index) => spans[index].parent)),
  };
}

/** How many spans stand below each, and how many of them failed. */
export function weights(spans, tree) {
  const below = spans.map(() => 0);
  const failed = spans.map(() => 0);
  for (const index of order(tree).reverse()) {
    const parent = tree.parents[index];
    if (parent >= 0) {
      below[parent] += below[index] + 1;
      failed[parent] += failed[index] + (spans[index].status === "error" ? 1 : 0);
    }
  }
  return { below, failed };
}

/** How many errors began of themselves: failed spans that no failure below them came up to, as analysis/errors.py has it. */
export function begun(spans, tree) {
  const reached = new Set();
  const failed = spans.flatMap((span, index) => (span.status === "error" ? [index] : []));
  for (const index of failed) {
    let at = tree.parents[index];
    while (at >= 0 && saysNothing(spans[at])) at = tree.parents[at];
    if (at >= 0) reached.add(at);
  }
  return failed.filter((index) => !reached.has(index)).length;
}

function saysNothing(span) {
  return span.status === "unset" && span.kind === "internal";
}

/** Every span, parents before children. */
export function order(tree) {
  const found = [];
  const waiting = [...tree.roots].reverse();
  while (waiting.length) {
    const index = waiting.pop();
    found.push(index);
    for (let at = tree.children[index].length - 1; at >= 0; at -= 1) waiting.push(tree.children[index][at]);
  }
  return found;
}

/** The spans above one, the nearest first. */
export function above(tree, index) {
  const found = [];
  for (let at = tree.parents[index]; at >= 0; at = tree.parents[at]) found.push(at);
  return found;
}

function parentOf(span, index, positions) {
  const parent = span.parent ? positions.get(span.parent) : undefined;
  return parent === undefined || parent === index ? -1 : parent;
}

// A circle of parents is cut open at one of its spans, which becomes a root.
function cut(parents) {
  const seen = new Int32Array(parents.length).fill(-1);
  for (let first = 0; first < parents.length; first += 1) {
    let at = first;
    while (at >= 0 && seen[at] < 0) {
      seen[at] = first;
      if (parents[at] >= 0 && seen[parents[at]] === first) parents[at] = -1;
      at = parents[at];
    }
  }
}

function depths(roots, children) {
  const found = new Int32Array(children.length);
  const waiting = [...roots];
  while (waiting.length) {
    const index = waiting.pop();
    for (const child of children[index]) {
      found[child] = found[index] + 1;
      waiting.push(child);
    }
  }
  return found;
}
