// A colour for each service, from its name alone. Pure functions; the name always stands beside the colour.

const HUES = 20;
// Chosen so that a few usual names of services are far from each other.
const SEED = 153205;

/** The hue of a name, in degrees. */
export function hue(name) {
  return (hash(name) % HUES) * (360 / HUES);
}

/** How light a name's colour is: one of three steps, so that hues that meet may still differ. */
export function tone(name) {
  return [-0.07, 0, 0.07][hash(`tone of ${name}`) % 3];
}

/** The CSS properties that give an element its service's colour. */
export function colourOf(name) {
  return { "--hue": String(hue(name)), "--tone": String(tone(name)) };
}

/** The same for a canvas. */
export function fill(name, dark) {
  const light = (dark ? 0.72 : 0.6) + tone(name);
  return `oklch(${light.toFixed(3)} 0.12 ${hue(name)})`;
}

// FNV-1a, and then murmur's last steps, since names that differ in few letters should not share a colour.
function hash(text) {
  let value = SEED;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
