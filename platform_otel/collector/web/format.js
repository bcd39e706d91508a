// Numbers as people read them. Pure functions.

const UNITS = [
  ["s", 1e9],
  ["ms", 1e6],
  ["µs", 1e3],
  ["ns", 1],
];

/** Nanoseconds as "84 ms"; three digits that count. */
export function duration(nanoseconds) {
  const size = Math.abs(nanoseconds);
  if (!Number.isFinite(size)) return "–";
  if (size < 0.5) return "0";
  if (size >= 59.95e9) return minutes(nanoseconds);
  // What rounds up to 1000 of a unit is 1 of the next.
  const [unit, factor] = UNITS.find(([, each]) => size >= each * 0.9995) ?? UNITS.at(-1);
  return `${digits(nanoseconds / factor)} ${unit}`;
}

/** A number with three digits that count: 1.24, 12.4, 124, 12,400. */
export function digits(value) {
  const size = Math.abs(value);
  if (size >= 100) return count(Math.round(value));
  const rounded = size >= 10 ? value.toFixed(1) : value.toFixed(2);
  return rounded.includes(".") ? rounded.replace(/\.?0+$/, "") : rounded;
}

/** A whole number with its thousands apart. */
export function count(value) {
  return Math.round(value).toLocaleString("en");
}

/** So many in so many seconds: "12.4/s", "3/min", "2/h". */
export function rate(times, seconds) {
  if (!times || !seconds) return "0";
  const perSecond = times / seconds;
  if (perSecond >= 1) return `${digits(perSecond)}/s`;
  if (perSecond * 60 >= 1) return `${digits(perSecond * 60)}/min`;
  return `${digits(perSecond * 3600)}/h`;
}

/** A share as "0.3 %". */
export function percent(share) {
  if (!share) return "0 %";
  const hundredth = share * 100;
  if (hundredth < 0.1) return "<0.1 %";
  return `${hundredth < 10 ? hundredth.toFixed(1).replace(/\.0$/, "") : Math.round(hundredth)} %`;
}

/** How a figure moved: its text, and "up", "down" or "same"; null if there was none before. */
export function change(now, before) {
  if (!before || !Number.isFinite(now)) return null;
  const share = now / before - 1;
  if (Math.abs(share) < 0.05) return { text: "±0", direction: "same" };
  const direction = share > 0 ? "up" : "down";
  if (share >= 2) return { text: `×${digits(now / before)}`, direction };
  return { text: `${share > 0 ? "+" : "−"}${Math.max(1, Math.round(Math.abs(share) * 100))} %`, direction };
}

/** The time of day, with milliseconds and, if it was not today, the date. */
export function moment(nanoseconds, now = Date.now()) {
  const milliseconds = Number(BigInt(nanoseconds) / 1000000n);
  const date = new Date(milliseconds);
  const time = `${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}.${String(date.getMilliseconds()).padStart(3, "0")}`;
  if (!Number.isFinite(milliseconds) || Number.isNaN(date.getTime())) return "–";
  const today = new Date(now).toDateString() === date.toDateString();
  return today ? time : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** How long ago: "12 s ago". */
export function ago(nanoseconds, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - Number(BigInt(nanoseconds) / 1000000n)) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

/** "1 span", "2 spans". */
export function several(number, word, plural = `${word}s`) {
  return `${count(number)} ${number === 1 ? word : plural}`;
}

/** A size as "1.2 MiB". */
export function bytes(size) {
  if (size < 1024) return `${size} B`;
  if (size < 1024 ** 2) return `${digits(size / 1024)} KiB`;
  return size < 1024 ** 3 ? `${digits(size / 1024 ** 2)} MiB` : `${digits(size / 1024 ** 3)} GiB`;
}

/** The nanoseconds that a text such as "1.5s" or "200 ms" means; null if it means none. */
export function readDuration(text) {
  const found = /^\s*(\d{1,9}(?:\.\d{1,9})?)\s*(ns|us|µs|ms|s|m|min|h)?\s*$/.exec(text);
  if (!found) return null;
  const factors = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 6e10, min: 6e10, h: 3.6e12 };
  return Math.round(Number(found[1]) * factors[found[2] ?? "ms"]);
}

function minutes(nanoseconds) {
  const seconds = Math.round(nanoseconds / 1e9);
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
  return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
}

function two(number) {
  return String(number).padStart(2, "0");
}
