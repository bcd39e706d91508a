// Elements of the document. Text goes in as text only: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element; properties are attributes, `on` (listeners by event), `vars` (CSS properties), children nodes or text. */
export function element(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** The same for a drawing. */
export function drawn(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

/** A link within the page: a path of ours, never an address that came with the data. */
export function link(path, properties, ...children) {
  return element("a", { ...properties, href: ownPath(path) }, ...children);
}

/** A path of this page. Throws for anything else. */
export function ownPath(path) {
  // A browser drops tabs and line ends: "/\t/host" would be another host.
  if (!/^\/(?![/\\])[^\t\n\r]*$/.test(path)) throw new TypeError(`not a path of ours: ${path}`);
  return path;
}

/** Puts these in place of what an element had. */
export function refill(parent, ...children) {
  parent.replaceChildren(
    ...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return parent;
}

/** Sets properties as CSSOM does, which a strict policy allows. */
export function place(node, properties) {
  for (const [name, value] of Object.entries(properties)) node.style.setProperty(name, value);
  return node;
}

/** Tells those who listen to the page rather than see it. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

function filled(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) set(node, name, value);
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "on") {
    for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
  } else if (name === "vars") {
    place(node, value);
  } else if (name === "style" || name.startsWith("on")) {
    throw new TypeError(`${name} is no attribute here`);
  } else {
    node.setAttribute(name, value === true ? "" : value);
  }
}
