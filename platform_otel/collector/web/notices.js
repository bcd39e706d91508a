// What a view says when there is nothing to show, or something went wrong.

import { element } from "./dom.js";

/** Nothing is here, and what to run next. */
export function empty(title, text, ...commands) {
  return element(
    "section",
    { class: "empty" },
    element("h2", {}, title),
    element("p", {}, text),
    commands.map(command),
  );
}

/** A command to copy. */
export function command(text) {
  const copy = element(
    "button",
    {
      class: "small",
      on: {
        click: async () => {
          copy.textContent = (await copied(text)) ? "Copied" : "Not copied";
        },
      },
    },
    "Copy",
  );
  return element("div", { class: "command" }, element("code", { tabindex: "0" }, text), copy);
}

/** Puts a text on the clipboard; whether that was allowed. */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Something went wrong. */
export function failure(error) {
  return element("p", { class: "failure", role: "alert" }, error.message);
}

/** How to send spans here, to a service's command. */
export function howToSend(status, host = location.hostname) {
  const name = host.includes(":") ? `[${host.replace(/[[\]]/g, "")}]` : host;
  return `platform-trace --endpoint http://${name}:${status?.otlpPort ?? 4318} -- uvicorn identity.main:app`;
}
