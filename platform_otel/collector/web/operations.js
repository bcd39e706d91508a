// Operations of a while beside those of the while before. Pure functions.

const KINDS = { requests: ["server", "consumer"], calls: ["client", "producer"] };

/** What names an operation. */
export function keyOf(operation) {
  return JSON.stringify([operation.service, operation.operation, operation.kind]);
}

/** Each operation with what it was before, if it was there. */
export function beside(now, before) {
  const earlier = new Map(before.map((each) => [keyOf(each), each]));
  return now.map((each) => ({ ...each, before: earlier.get(keyOf(each)) ?? null }));
}

/** Those of some kinds ("requests", "calls" or "all") whose service or name has a text. */
export function chosen(operations, kinds, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return operations.filter((each) => {
    const name = `${each.service} ${each.operation}`.toLowerCase();
    return (KINDS[kinds]?.includes(each.kind) ?? true) && words.every((word) => name.includes(word));
  });
}

/** Their counts together. */
export function total(operations) {
  return operations.reduce(
    (sum, each) => ({ count: sum.count + each.count, errorCount: sum.errorCount + each.errorCount }),
    { count: 0, errorCount: 0 },
  );
}
