// Light or dark: as the system has it, until somebody chooses.

const KEY = "platform-trace theme";
const NEXT = { system: "dark", dark: "light", light: "system" };

/** What was chosen: "system", "light" or "dark". */
export function chosen() {
  try {
    return localStorage.getItem(KEY) ?? "system";
  } catch {
    return "system"; // a browser may keep nothing for us
  }
}

/** Shows the page so. */
export function apply(theme = chosen()) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Goes on to the next, and remembers it. */
export function turn() {
  const theme = NEXT[chosen()] ?? "system";
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It holds until the page is left.
  }
  apply(theme);
  dispatchEvent(new Event("themechange"));
  return theme;
}

/** Whether it is dark now. */
export function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
