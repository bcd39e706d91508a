// How far an answer looked that is found in traces, in words. Pure functions.

import { ago, count } from "./format.js";

/** One sentence. */
export function extent(answer) {
  const traces = `${count(answer.lookedAt)} trace${answer.lookedAt === 1 ? "" : "s"}`;
  if (answer.complete || !answer.reached) return `Found in ${traces}, all of this while.`;
  return `Found in the newest ${traces}, back to ${ago(answer.reached)}.`;
}
