// A view that asks one query again and again as traces arrive: what errors, broken links and hops have in common.

import { ask, askIfPossible } from "./api.js";
import { element, refill } from "./dom.js";
import { extent } from "./extent.js";
import { seldom } from "./live.js";
import { empty, failure, howToSend } from "./notices.js";
import { asked } from "./window.js";

const REFRESH = 5000;
const MOST = 100;

/**
 * Fills the page with what draw(answer) makes of a query.
 *
 * parameters() gives what is asked besides the time; nothing is shown when draw gives null.
 */
export async function listing(
  page,
  { title, query, parameters = () => ({ limit: MOST }), draw, nothing, before = null },
) {
  const found = element("p", { class: "quiet found" }, "One moment…");
  const room = element("div");
  let last = "";

  async function load() {
    const answer = await ask(query, { ...parameters(), ...asked(page.window()) }, page.signal).catch((error) => {
      found.textContent = "";
      throw error;
    });
    const text = JSON.stringify({ ...answer, startTimeUnixNano: "", endTimeUnixNano: "" });
    if (text === last) return;
    last = text;
    found.textContent = answer.lookedAt ? extent(answer) : "";
    refill(room, answer.lookedAt ? (draw(answer) ?? nothing) : await silence(page));
  }

  function again() {
    return load().catch((error) => {
      if (page.signal.aborted) return;
      // The same answer as before is drawn then, too.
      last = "";
      refill(room, failure(error));
    });
  }

  page.main.append(
    element("div", { class: "heading" }, element("h1", {}, title), found),
    ...(before ? [before] : []),
    room,
  );
  await load();
  if (!page.window().fixed) page.live.follow(seldom(REFRESH, again), page.signal);
  return again;
}

async function silence(page) {
  return empty(
    "Nothing to look at in this while",
    "Start a service behind platform-trace and point it here.",
    howToSend(await askIfPossible("status", {}, page.signal)),
  );
}
