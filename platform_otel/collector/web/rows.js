// Which rows a waterfall has: spans, but for those below a closed one, and siblings that repeat as one row. Pure functions.

/** So many siblings of one kind become a group. */
export const FEWEST = 5;

/**
 * Groups of siblings that repeat, by the position of the first of each.
 *
 * A group is {key, members, total, start, end, failed}: nanoseconds in sum, and the while from the first to the last.
 */
export function groupsOf(spans, tree) {
  const groups = new Map();
  for (const siblings of [tree.roots, ...tree.children]) {
    if (siblings.length < FEWEST) continue;
    for (const members of repeated(spans, siblings)) {
      const group = groupOf(spans, members);
      for (const member of members) groups.set(member, group);
    }
  }
  return groups;
}

/**
 * The rows, from the top: {index, depth, group}. A row whose group is not null and which is its `head` stands for all of it.
 *
 * closed: positions of spans whose children are hidden. opened: keys of the groups that are shown one by one.
 */
export function rowsOf(spans, tree, groups, closed, opened) {
  const rows = [];
  const waiting = [{ siblings: tree.roots, at: 0, depth: 0 }];
  while (waiting.length) {
    const level = waiting.at(-1);
    if (level.at === level.siblings.length) {
      waiting.pop();
      continue;
    }
    const index = level.siblings[level.at];
    level.at += 1;
    const group = groups.get(index) ?? null;
    const inner = group !== null && level.group !== group;
    if (inner) {
      // The members stand together, below the head of their group, where the first of them is.
      if (group.members[0] !== index) continue;
      rows.push({ index, depth: level.depth, group, head: true });
      if (opened.has(group.key)) waiting.push({ siblings: group.members, at: 0, depth: level.depth + 1, group });
      continue;
    }
    rows.push({ index, depth: level.depth, group, head: false });
    if (tree.children[index].length && !closed.has(index))
      waiting.push({ siblings: tree.children[index], at: 0, depth: level.depth + 1, group: null });
  }
  return rows;
}

/** What the group says: "50 × SELECT". */
export function titleOf(spans, group) {
  return `${group.members.length} × ${spans[group.members[0]].name}`;
}

function repeated(spans, siblings) {
  const byName = new Map();
  for (const index of siblings) {
    const { service, name, kind } = spans[index];
    const key = `${service}\0${name}\0${kind}`;
    if (!byName.has(key)) byName.set(key, []);
    byName.get(key).push(index);
  }
  return [...byName.values()].filter((members) => members.length >= FEWEST);
}

function groupOf(spans, members) {
  const group = { key: spans[members[0]].id, members, total: 0, start: Infinity, end: -Infinity, failed: 0 };
  for (const member of members) {
    const span = spans[member];
    group.total += span.duration;
    group.start = Math.min(group.start, span.start);
    group.end = Math.max(group.end, span.end);
    group.failed += span.status === "error" ? 1 : 0;
  }
  return group;
}
