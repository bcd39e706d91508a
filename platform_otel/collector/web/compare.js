// Two traces beside each other: spans of one kind at one place in the tree are one line. Pure functions.

const MOST = 2000;

/**
 * The lines of two traces, from the top: {depth, service, name, kind, first, second}.
 *
 * first and second are {count, total, failed} of the spans there, or null; total in nanoseconds. Each trace is {spans, tree}.
 */
export function beside(first, second) {
  const root = { children: new Map() };
  gather(root, first, "first");
  gather(root, second, "second");
  const lines = [];
  const waiting = [...root.children.values()].reverse().map((node) => [node, 0]);
  while (waiting.length && lines.length < MOST) {
    const [node, depth] = waiting.pop();
    lines.push({
      depth,
      service: node.service,
      name: node.name,
      kind: node.kind,
      first: node.first,
      second: node.second,
    });
    for (const child of [...node.children.values()].reverse()) waiting.push([child, depth + 1]);
  }
  return lines;
}

/** By how much the second takes longer, in nanoseconds. */
export function difference(line) {
  return (line.second?.total ?? 0) - (line.first?.total ?? 0);
}

function gather(root, { spans, tree }, side) {
  const waiting = [...tree.roots].reverse().map((index) => [index, root]);
  while (waiting.length) {
    const [index, parent] = waiting.pop();
    const node = nodeOf(parent, spans[index]);
    node[side] = add(node[side], spans[index]);
    for (const child of [...tree.children[index]].reverse()) waiting.push([child, node]);
  }
}

function nodeOf(parent, { service, name, kind }) {
  const key = `${service}\0${name}\0${kind}`;
  if (!parent.children.has(key))
    parent.children.set(key, { service, name, kind, first: null, second: null, children: new Map() });
  return parent.children.get(key);
}

function add(sum, span) {
  return {
    count: (sum?.count ?? 0) + 1,
    total: (sum?.total ?? 0) + span.duration,
    failed: (sum?.failed ?? 0) + (span.status === "error" ? 1 : 0),
  };
}
