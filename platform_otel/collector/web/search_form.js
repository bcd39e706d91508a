// The form of a search, with what may be chosen.

import { askIfPossible } from "./api.js";
import { completions } from "./complete.js";
import { element, refill } from "./dom.js";
import { FIELDS } from "./query.js";
import { asked } from "./window.js";

const KINDS = ["server", "client", "internal", "producer", "consumer"];

/** The form, and complete() to fill its suggestions; submit(query) is told what is asked. */
export async function searchForm(page, state, submit) {
  const lists = {
    services: element("datalist", { id: "services" }),
    operations: element("datalist", { id: "operations" }),
    conditions: element("datalist", { id: "conditions" }),
  };
  const fields = {
    service: input({ list: "services", placeholder: "any" }),
    operation: input({ list: "operations", placeholder: "any" }),
    kind: select(KINDS),
    status: select(["error", "ok", "unset"]),
    min: input({ placeholder: "100ms", size: "7" }),
    max: input({ placeholder: "2s", size: "7" }),
    where: input({
      list: "conditions",
      placeholder: 'http.route ~ "/v1/*" and duration > 100ms',
      on: { input: () => suggest() },
    }),
    caller: input({ list: "services", placeholder: "any" }),
    order: element(
      "select",
      {},
      element("option", { value: "" }, "Newest first"),
      element("option", { value: "slowest" }, "Slowest first"),
    ),
  };
  const labels = {
    service: "Service",
    operation: "Operation",
    kind: "Kind",
    status: "Status",
    min: "At least",
    max: "At most",
    where: "Where",
    caller: "Called by",
    order: "Order",
  };
  for (const name of FIELDS) fields[name].value = state.query[name] ?? "";
  const read = () => Object.fromEntries(FIELDS.map((name) => [name, fields[name].value.trim()]));
  for (const name of ["kind", "status", "order"]) fields[name].addEventListener("change", () => submit(read()));

  function suggest() {
    refill(
      lists.conditions,
      completions(fields.where.value).map((value) => element("option", { value })),
    );
  }

  async function complete() {
    const [known, operations] = await Promise.all([
      askIfPossible("services", asked(page.window()), page.signal),
      askIfPossible("operations", { ...asked(page.window()), service: fields.service.value.trim() }, page.signal),
    ]);
    refill(
      lists.services,
      (known?.services ?? []).map((each) => element("option", { value: each.service })),
    );
    refill(
      lists.operations,
      [...new Set((operations?.operations ?? []).map((each) => each.operation))]
        .slice(0, 500)
        .map((value) => element("option", { value })),
    );
  }

  fields.service.addEventListener("change", () => complete().catch(() => {}));
  suggest();
  const form = element(
    "form",
    {
      class: "search",
      role: "search",
      "aria-label": "Traces",
      on: {
        submit: (event) => {
          event.preventDefault();
          submit(read());
        },
      },
    },
    FIELDS.map((name) =>
      element("label", { class: `field of-${name}` }, element("span", {}, labels[name]), fields[name]),
    ),
    element(
      "div",
      { class: "buttons" },
      element("button", { class: "main" }, "Search"),
      element(
        "button",
        {
          type: "button",
          on: {
            click: () => {
              for (const name of FIELDS) fields[name].value = "";
              submit(read());
            },
          },
        },
        "Clear",
      ),
    ),
    Object.values(lists),
  );
  return { form, complete: () => complete().catch(() => {}) };
}

function input(properties) {
  return element("input", { type: "text", spellcheck: "false", autocomplete: "off", ...properties });
}

function select(values) {
  return element(
    "select",
    {},
    element("option", { value: "" }, "any"),
    values.map((value) => element("option", { value }, value)),
  );
}
