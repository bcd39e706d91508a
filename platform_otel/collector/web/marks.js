// What analysis and overviews know of a trace's spans, ready to draw. Pure functions.

import { duration } from "./format.js";

/**
 * The marks of a trace.
 *
 * spans, start: as spansOf gives them. analysis: the answer of /query/traces/{id}/analysis, or null. operations: of
 * /query/operations, or null. aligned: whether the spans' times were moved onto one clock already.
 */
export function marksOf(spans, start, analysis, operations, aligned) {
  const positions = new Map(spans.map((span, index) => [span.id, index]));
  const shifts = shiftsOf(spans, positions, analysis);
  const began = aligned ? start + BigInt(firstOf(spans, shifts)) : start;
  const critical = criticalOf(positions, began, analysis, aligned ? null : shifts);
  const usual = new Map(
    (operations ?? []).map((each) => [`${each.service}\0${each.operation}\0${each.kind}`, each.p95Nano]),
  );
  const selfs = new Map((analysis?.spans ?? []).map((each) => [positions.get(each.spanId), each.selfNano]));
  return {
    shifts,
    hasCritical: critical.size > 0,
    hasUsual: usual.size > 0,
    criticalOf: (index) => critical.get(index) ?? [],
    usualOf: (span) => usual.get(`${span.service}\0${span.name}\0${span.kind}`) ?? 0,
    selfOf: (index) => selfs.get(index) ?? null,
    skewOf: (index) => (shifts[index] ? skewText(shifts[index], aligned) : null),
  };
}

/** The spans on one clock, the first of them at 0: each moved as the analysis says, and by how much. */
export function aligned(spans, shifts) {
  const first = firstOf(spans, shifts);
  return spans.map((span, index) => {
    const moved = shifts[index] - first;
    return moved ? { ...span, start: span.start + moved, end: span.end + moved, moved } : span;
  });
}

/** When the last of some spans ended. */
export function endOf(spans) {
  return spans.reduce((most, span) => Math.max(most, span.end), 1);
}

/** One sentence for each pair of services whose clocks differ; of many, how many more there are. */
export function skewSentences(analysis, most = 5) {
  const pairs = new Map((analysis?.skews ?? []).map((each) => [`${each.caller}\0${each.callee}`, each]));
  const sentences = [...pairs.values()].map(
    (each) =>
      `The clock of ${each.callee} is ${duration(Math.abs(each.shiftNano))} ${each.shiftNano > 0 ? "behind" : "ahead of"} that of ${each.caller}.`,
  );
  const more = sentences.length - most;
  return more > 0 ? [...sentences.slice(0, most), `And ${more} more.`] : sentences;
}

// When the first of the spans began on one clock.
function firstOf(spans, shifts) {
  return spans.reduce((least, span, index) => Math.min(least, span.start + shifts[index]), Infinity);
}

function shiftsOf(spans, positions, analysis) {
  const found = new Array(spans.length).fill(0);
  for (const each of analysis?.spans ?? []) {
    const index = positions.get(each.spanId);
    if (index !== undefined) found[index] = each.shiftNano;
  }
  return found;
}

function criticalOf(positions, start, analysis, shifts) {
  const found = new Map();
  for (const step of analysis?.criticalPath ?? []) {
    const index = positions.get(step.spanId);
    if (index === undefined) continue;
    const shift = shifts?.[index] ?? 0;
    const from = Number(BigInt(step.startTimeUnixNano) - start) - shift;
    if (!found.has(index)) found.set(index, []);
    found.get(index).push([from, from + step.durationNano]);
  }
  return found;
}

function skewText(shift, aligned) {
  const size = duration(Math.abs(shift));
  const text = `This clock is ${size} ${shift > 0 ? "behind" : "ahead of"} its caller's; ${aligned ? "the span is shown where it must have been" : "the span is shown where that clock says"}`;
  return { short: `clock ${shift > 0 ? "−" : "+"}${size}`, text };
}
