// From values to positions. Pure functions.

/** Positions from 0 to 1 on a logarithmic scale between two values. */
export function logarithmic(low, high) {
  const floor = Math.log10(Math.max(1, low));
  const span = Math.max(1e-9, Math.log10(Math.max(1, high)) - floor);
  return (value) => clamp((Math.log10(Math.max(1, value)) - floor) / span);
}

/** The same on a linear scale. */
export function linear(low, high) {
  const span = Math.max(1e-9, high - low);
  return (value) => clamp((value - low) / span);
}

/** Round values between two, about as many as asked for. */
export function ticks(low, high, wanted = 6) {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const step = roundStep(span / wanted);
  const first = Math.ceil(low / step);
  const found = [];
  for (let index = first; index * step <= high && found.length < 100; index += 1) found.push(index * step);
  return found;
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

/** Round times of day between two, in milliseconds since the epoch; offset is that of the time zone, in minutes. */
export function times(low, high, wanted = 6, offset = 0) {
  const step = (TIME_STEPS.find((each) => each * 1000 * wanted >= high - low) ?? 86400) * 1000;
  const shift = offset * 60000;
  const found = [];
  for (let at = Math.ceil((low - shift) / step) * step + shift; at <= high && found.length < 100; at += step)
    found.push(at);
  return found;
}

/** Powers of ten between two values, and the values themselves if there is no power between them. */
export function powers(low, high) {
  const found = [];
  for (let power = Math.ceil(Math.log10(Math.max(1, low))); 10 ** power <= high; power += 1) found.push(10 ** power);
  return found.length ? found : [low, high];
}

/** Within 0 and 1. */
export function clamp(value) {
  return Math.min(1, Math.max(0, value));
}

function roundStep(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  return power * ([1, 2, 5].find((each) => each * power >= size) ?? 10);
}
