// The page: its frame, and one view in it at a time.

import { ask } from "./api.js";
import { element, link, refill, say } from "./dom.js";
import { Live } from "./live.js";
import { empty, failure } from "./notices.js";
import { address, isTraceId, parse, traceAddress } from "./route.js";
import { apply, chosen, turn } from "./theme.js";
import { RANGES, USUAL, windowOf } from "./window.js";
import * as broken from "./view_broken.js";
import * as compare from "./view_compare.js";
import * as errors from "./view_errors.js";
import * as hops from "./view_hops.js";
import * as map from "./view_map.js";
import * as overview from "./view_overview.js";
import * as search from "./view_search.js";
import * as trace from "./view_trace.js";

const VIEWS = { overview, map, search, trace, compare, hops, errors, broken };
const NAVIGATION = [
  ["overview", "/", "Overview"],
  ["map", "/map", "Map"],
  ["search", "/search", "Search"],
  ["hops", "/hops", "Hops"],
  ["errors", "/errors", "Errors"],
  ["broken", "/broken", "Broken"],
];

// Milliseconds in which a view may get complete before it is shown as it is.
const PATIENCE = 200;

const main = document.getElementById("main");
const navigation = document.querySelector(".top nav");
const tools = document.querySelector(".top .tools");
const live = new Live();
let leaving = new AbortController();
let shown = "";

/** Shows the view that the address names. */
async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const route = parse(location.pathname, location.search);
  const view = VIEWS[route.view];
  showNavigation(route);
  const moved = shown !== route.view + route.id;
  shown = route.view + route.id;
  document.title = `${view?.title ?? "Not found"} – platform-trace`;
  // A view replaces the one before when it is complete, or after a moment with what it has by then: else the page blinks.
  const room = element("div", { class: `view ${route.view}` });
  const page = {
    main: room,
    route,
    signal,
    live,
    go,
    remember,
    window: () => windowOf(parse(location.pathname, location.search).query, Date.now()),
  };
  let attached = false;
  function attach() {
    if (attached || signal.aborted) return;
    attached = true;
    refill(main, room);
    page.shown?.();
    if (moved) arrive();
  }
  const early = setTimeout(() => room.childElementCount && attach(), PATIENCE);
  try {
    if (view) await view.show(page);
    else room.append(element("h1", {}, "Not found"), empty("There is no such page", "The views are linked above."));
  } catch (error) {
    if (signal.aborted) return;
    room.append(failure(error));
  }
  clearTimeout(early);
  attach();
}

function arrive() {
  scrollTo(0, 0);
  // Whoever listens hears where they are; the first time the browser says so itself.
  if (history.state?.visited) main.focus({ preventScroll: true });
  say(document.title);
}

/** Goes to another address of the page. */
function go(path) {
  history.pushState({ visited: true }, "", path);
  show();
}

/** Puts what a view shows now into the address, without showing it anew. */
function remember(query, replace = false) {
  const path = address(location.pathname, query);
  if (path === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"]({ visited: true }, "", path);
  showNavigation(parse(location.pathname, location.search));
}

function showNavigation(route) {
  const { range, start, end } = route.query;
  const kept = { range, start, end };
  refill(
    navigation,
    NAVIGATION.map(([name, path, text]) =>
      link(address(path, kept), { "aria-current": name === route.view ? "page" : null }, text),
    ),
  );
  const fixed = windowOf(route.query, Date.now()).fixed;
  refill(
    choice,
    Object.keys(RANGES).map((name) =>
      element("option", { value: name, selected: !fixed && name === (range ?? USUAL) }, `Last ${name}`),
    ),
    fixed ? element("option", { value: "", selected: true }, "Chosen while") : null,
  );
}

const choice = element("select", {
  "aria-label": "Time range",
  on: {
    change: () => {
      const { query } = parse(location.pathname, location.search);
      go(
        address(location.pathname, {
          ...query,
          start: "",
          end: "",
          after: "",
          range: choice.value === USUAL ? "" : choice.value,
        }),
      );
    },
  },
});

const switchLive = element(
  "button",
  {
    class: "live",
    "aria-pressed": "true",
    title: "Follow what arrives",
    on: {
      click: () => {
        live.turn(!live.on);
        switchLive.setAttribute("aria-pressed", String(live.on));
      },
    },
  },
  element("i", { class: "dot", "aria-hidden": "true" }),
  "Live",
);
live.onState = (state) => {
  switchLive.dataset.state = state;
};

const theme = element("button", {
  class: "theme",
  on: {
    click: () => {
      turn();
      nameTheme();
    },
  },
});

function nameTheme() {
  theme.textContent = { system: "Auto", dark: "Dark", light: "Light" }[chosen()];
  theme.setAttribute("aria-label", `Theme: ${theme.textContent}`);
}

const finder = element("input", {
  type: "search",
  "aria-label": "Open a trace by its id",
  placeholder: "Trace id",
  size: "12",
  spellcheck: "false",
  on: {
    keydown: (event) => {
      if (event.key !== "Enter") return;
      if (isTraceId(finder.value)) go(traceAddress(finder.value.trim().toLowerCase()));
      else say("A trace id has 32 hexadecimal digits");
      finder.setAttribute("aria-invalid", String(!isTraceId(finder.value)));
    },
  },
});

function follow(event) {
  const anchor = event.target.closest?.("a[href]");
  if (
    !anchor ||
    event.defaultPrevented ||
    event.button !== 0 ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey ||
    event.altKey
  )
    return;
  const path = anchor.getAttribute("href");
  if (!path.startsWith("/") || anchor.hasAttribute("download")) return;
  event.preventDefault();
  go(path);
}

refill(main);
apply();
nameTheme();
tools.append(finder, choice, switchLive, theme);
addEventListener("click", follow);
addEventListener("popstate", show);
show();
ask("status")
  .then((status) => {
    document.querySelector(".brand").title = `platform-trace ${status.version}`;
  })
  .catch(() => {});
