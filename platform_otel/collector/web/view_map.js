// Which services call which, over a while.

import { ask, askIfPossible } from "./api.js";
import { element, refill } from "./dom.js";
import { several } from "./format.js";
import { seldom } from "./live.js";
import { empty, failure, howToSend } from "./notices.js";
import { address, callsAddress } from "./route.js";
import { serviceMap } from "./service_map.js";
import { asked, counted, seconds } from "./window.js";

export const title = "Service map";
const REFRESH = 3000;
const PEER_FIELDS = [
  "server.address",
  "net.peer.name",
  "service.peer.name",
  "peer.service",
  "db.system.name",
  "db.system",
  "messaging.system",
];

/** Shows it. */
export async function show(page) {
  const room = element("div");
  const found = element("p", { class: "quiet found" });
  let last = "";

  async function load() {
    const span = counted(page.window());
    const graph = await ask("graph", asked(span), page.signal);
    const text = JSON.stringify([graph.services, graph.calls]);
    // A map that is the same stays, with the focus and the scrolling that somebody has in it.
    if (text === last) return;
    last = text;
    found.textContent = summary(graph);
    const scrolled = room.querySelector(".drawing")?.scrollLeft ?? 0;
    refill(
      room,
      graph.services.length
        ? serviceMap(graph, {
            seconds: seconds(span),
            edgeAddress: (call) => behind(call, page),
            nodeAddress: (node) => (node.peer ? null : address("/search", { ...kept(page), service: node.name })),
          })
        : await nothing(page),
    );
    if (scrolled) room.querySelector(".drawing").scrollLeft = scrolled;
  }

  page.main.append(element("div", { class: "heading" }, element("h1", {}, "Service map"), found), room);
  await load();
  if (!page.window().fixed)
    page.live.follow(
      seldom(REFRESH, () => load().catch(failed)),
      page.signal,
    );

  function failed(error) {
    if (page.signal.aborted) return;
    // The same answer as before is drawn then, too.
    last = "";
    refill(room, failure(error));
  }
}

function summary(graph) {
  const traced = graph.services.filter((each) => !each.peer).length;
  const peers = graph.services.length - traced;
  return `${several(traced, "service")}${peers ? `, ${several(peers, "peer")} not traced` : ""}; lines are thick where the time goes`;
}

// The traces behind an edge: those with a span of the callee whose parent is the caller's.
function behind(call, page) {
  if (call.peer)
    return address("/search", {
      ...kept(page),
      order: "slowest",
      service: call.caller,
      where: peerCondition(call.callee),
    });
  return callsAddress(call, page.route.query);
}

function peerCondition(name) {
  // "postgresql db.internal:5432": what it is, then where, of which either may be missing.
  const quoted = JSON.stringify(name.split(" ").at(-1).replace(/:\d+$/, ""));
  return PEER_FIELDS.map((field) => `${field} = ${quoted}`).join(" or ");
}

function kept(page) {
  const { range, start, end } = page.route.query;
  return { range, start, end };
}

async function nothing(page) {
  return empty(
    "No service has been heard of in this while",
    "Start a service behind platform-trace and point it here.",
    howToSend(await askIfPossible("status", {}, page.signal)),
  );
}
