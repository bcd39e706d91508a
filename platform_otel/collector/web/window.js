// The while that a view is about. Pure functions; milliseconds here, nanoseconds as text for the API.

const MINUTE = 60000;

/** What can be chosen. */
export const RANGES = { "15m": 15, "1h": 60, "6h": 360, "24h": 1440, "7d": 10080 };
export const USUAL = "1h";

/** From when to when: a fixed while if the query names one, else the last minutes until now, minutes whole. */
export function windowOf(query, now) {
  const start = milliseconds(query.start);
  const end = milliseconds(query.end);
  if (start !== null && end !== null && start < end) return { start, end, fixed: true };
  const minutes = RANGES[Object.hasOwn(RANGES, query.range ?? "") ? query.range : USUAL];
  return { start: Math.floor(now / MINUTE) * MINUTE - (minutes - 1) * MINUTE, end: now, fixed: false };
}

/** What is counted of it: whole minutes, also where it was chosen more exactly; of one until now, what there is. */
export function counted(span) {
  if (!span.fixed) return span;
  const [start, end] = [Math.floor(span.start / MINUTE), Math.ceil(span.end / MINUTE)];
  return { start: start * MINUTE, end: end * MINUTE, fixed: true };
}

/** The while before, just as long, that shares no minute with it: counts are kept by the minute. */
export function before(span) {
  const minutes = Math.ceil((span.end - span.start) / MINUTE);
  const end = Math.floor(span.start / MINUTE) * MINUTE - 1;
  return { start: end + 1 - minutes * MINUTE, end, fixed: true };
}

/** How many seconds it has. */
export function seconds(span) {
  return Math.max(1, (span.end - span.start) / 1000);
}

/** As the API takes it. */
export function asked(span) {
  return { start: nanoseconds(span.start), end: nanoseconds(span.end) };
}

/** Milliseconds as nanoseconds, in text: they are more than a number of JavaScript can hold exactly. */
export function nanoseconds(value) {
  return `${Math.max(0, Math.round(value))}000000`;
}

function milliseconds(text) {
  return /^\d{13,19}$/.test(text ?? "") ? Number(BigInt(text) / 1000000n) : null;
}
