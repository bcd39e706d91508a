// A search as the address has it, and as the API takes it. Pure functions.

import { readDuration } from "./format.js";
import { asked } from "./window.js";

/** The fields of a search that stand in the address. */
export const FIELDS = ["service", "operation", "kind", "status", "min", "max", "where", "caller", "order"];
export const PAGE = 100;

/** What the API is asked for. Throws Error if a duration cannot be read. */
export function parameters(query, span) {
  return {
    service: query.service,
    caller: query.caller,
    operation: query.operation,
    kind: query.kind,
    status: query.status,
    where: query.where,
    min_duration: durationOf(query.min, "min"),
    max_duration: durationOf(query.max, "max"),
    order: query.order === "slowest" ? "slowest" : "",
    limit: PAGE,
    ...asked(span),
  };
}

/** The fields that are set. */
export function fieldsOf(query) {
  return Object.fromEntries(FIELDS.filter((name) => query[name]).map((name) => [name, query[name]]));
}

/** Traces with those that came later put in place of themselves; each once. */
export function joined(known, more) {
  const byId = new Map(known.map((each) => [each.traceId, each]));
  for (const each of more) byId.set(each.traceId, each);
  return [...byId.values()];
}

function durationOf(text, name) {
  if (!text) return "";
  const found = readDuration(text);
  if (found === null) throw new Error(`${name}: a duration such as 200ms or 1.5s is expected`);
  return found;
}
