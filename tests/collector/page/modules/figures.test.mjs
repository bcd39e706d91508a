// What the page makes of numbers, names and addresses.

import assert from "node:assert/strict";
import test from "node:test";

import { colourOf, hue } from "../modules/colour.js";
import { completions } from "../modules/complete.js";
import { ownPath } from "../modules/dom.js";
import { bytes, change, digits, duration, percent, rate, readDuration, several } from "../modules/format.js";
import { address, isTraceId, parse, traceAddress } from "../modules/route.js";
import { clamp, linear, logarithmic, powers, ticks, times } from "../modules/scale.js";
import { asked, before, counted, nanoseconds, seconds, windowOf } from "../modules/window.js";

test("a duration has the unit that suits it and three digits that count", () => {
  const shown = [0, 1, 850, 999.9, 12345, 999960, 84e6, 1240e6, 59.94e9, 60e9, 125e9, 7260e9, -3e6].map(duration);

  assert.deepEqual(shown, [
    "0",
    "1 ns",
    "850 ns",
    "1 µs",
    "12.3 µs",
    "1 ms",
    "84 ms",
    "1.24 s",
    "59.9 s",
    "1 min 00 s",
    "2 min 05 s",
    "2 h 01 min",
    "-3 ms",
  ]);
});

test("what is no duration is shown as none", () => {
  assert.deepEqual([NaN, Infinity].map(duration), ["–", "–"]);
});

test("a duration that is written can be read again", () => {
  assert.deepEqual(
    ["1.5s", "200 ms", "10us", "7ns", "2m", "1h", "40"].map(readDuration),
    [1.5e9, 2e8, 1e4, 7, 1.2e11, 3.6e12, 4e7],
  );
  assert.deepEqual(["", "soon", "-1s", "1 day", "1e9s"].map(readDuration), [null, null, null, null, null]);
});

test("a rate is per second, minute or hour, whichever gives a number above one", () => {
  assert.deepEqual(
    [rate(0, 60), rate(7200, 60), rate(90, 60), rate(30, 60), rate(2, 3600), rate(5, 0)],
    ["0", "120/s", "1.5/s", "30/min", "2/h", "0"],
  );
});

test("a share that is not zero never looks like zero", () => {
  assert.deepEqual([0, 0.0001, 0.004, 0.0333, 0.5, 1].map(percent), [
    "0 %",
    "<0.1 %",
    "0.4 %",
    "3.3 %",
    "50 %",
    "100 %",
  ]);
});

test("a change says its direction by a sign, and how many times once it is threefold", () => {
  assert.deepEqual(change(150, 100), { text: "+50 %", direction: "up" });
  assert.deepEqual(change(40, 100), { text: "−60 %", direction: "down" });
  assert.deepEqual(change(320, 100), { text: "×3.2", direction: "up" });
  assert.deepEqual(change(102, 100), { text: "±0", direction: "same" });
  assert.equal(change(5, 0), null);
});

test("counts, sizes and digits read well", () => {
  assert.deepEqual(
    [digits(1.239), digits(12.39), digits(12390), several(1, "span"), several(1200, "span"), bytes(512), bytes(1536)],
    ["1.24", "12.4", "12,390", "1 span", "1,200 spans", "512 B", "1.5 KiB"],
  );
});

test("a name always has the same hue, and usual names differ", () => {
  const names = ["gate", "identity", "llm-gateway", "prompts", "meter"];

  assert.equal(new Set(names.map(hue)).size, names.length);
  assert.deepEqual(names.map(hue), names.map(hue));
  assert.match(colourOf("")["--hue"], /^\d+$/);
});

test("every view has an address that leads back to it", () => {
  for (const [path, view] of [
    ["/", "overview"],
    ["/map", "map"],
    ["/search", "search"],
    ["/hops", "hops"],
    ["/errors", "errors"],
    ["/broken", "broken"],
    ["/compare", "compare"],
    [`/trace/${"ab".repeat(16)}`, "trace"],
  ]) {
    assert.equal(parse(path).view, view);
  }
  assert.deepEqual(parse("/nowhere"), { view: "", id: "", query: {} });
  assert.equal(parse("/trace/zz").view, "");
});

test("an address keeps what is set and leaves out what is not", () => {
  const where = 'name = "a&b=c" and x';

  const path = address("/search", { service: "", kind: null, up: false, where });

  assert.equal(parse(...path.split(/(?=\?)/)).query.where, where);
  assert.doesNotMatch(path, /service|kind|up/);
});

test("an id that came with the data cannot lead out of the page", () => {
  assert.equal(traceAddress("../../evil"), `/trace/${"0".repeat(32)}`);
  assert.equal(traceAddress("ab".repeat(16), "<script>"), `/trace/${"ab".repeat(16)}?span=%3Cscript%3E`);
  assert.ok(isTraceId(` ${"AB".repeat(16)} `));
  assert.ok(!isTraceId("javascript:alert(1)"));
});

test("only a path of ours can be linked to, whatever a browser makes of it", () => {
  for (const path of ["//evil.example", "/\\evil.example", "/\t/evil.example", "/\n/evil.example", "javascript:alert(1)", "", "x"])
    assert.throws(() => ownPath(path), TypeError, JSON.stringify(path));
  assert.equal(ownPath("/search?service=a%2Fb"), "/search?service=a%2Fb");
});

test("a range that is none of ours is the usual one", () => {
  const usual = windowOf({}, 1e12);

  for (const range of ["constructor", "__proto__", "toString", "2h", ""]) assert.deepEqual(windowOf({ range }, 1e12), usual);
});

test("the last minutes end now and begin with a whole minute", () => {
  const now = 1700000123456;

  const span = windowOf({ range: "15m" }, now);

  assert.deepEqual([span.end, span.start % 60000, span.fixed], [now, 0, false]);
  assert.ok(now - span.start <= 15 * 60000 && now - span.start > 14 * 60000);
});

test("the while before is as long and shares no minute", () => {
  const span = windowOf({}, 1700000123456);

  const earlier = before(span);

  assert.equal(Math.floor(earlier.end / 60000) + 1, Math.floor(span.start / 60000));
  assert.equal(Math.round(seconds(earlier)), 3600);
});

test("what is counted of a chosen while are the whole minutes that it touches", () => {
  const span = counted({ start: 1700000101000, end: 1700000130500, fixed: true });

  assert.deepEqual([span.start, span.end, seconds(span)], [1700000100000, 1700000160000, 60]);
  assert.deepEqual(counted(span), span);
  assert.deepEqual(counted(windowOf({}, 1e12)), windowOf({}, 1e12));
});

test("a chosen while is taken exactly, and nonsense is not", () => {
  const span = windowOf({ start: "1700000000000000000", end: "1700000060000000000" }, 0);

  assert.deepEqual(asked(span), { start: "1700000000000000000", end: "1700000060000000000" });
  assert.equal(windowOf({ start: "9", end: "x" }, 1700000000000).fixed, false);
  assert.equal(windowOf({ start: "1700000060000000000", end: "1700000000000000000" }, 1700000000000).fixed, false);
  assert.equal(nanoseconds(1.4), "1000000");
});

test("scales keep within their edges, whatever they are given", () => {
  assert.deepEqual(
    [linear(0, 10)(5), linear(0, 10)(50), linear(3, 3)(3), logarithmic(10, 1000)(100), logarithmic(5, 5)(0)],
    [0.5, 1, 0, 0.5, 0],
  );
  assert.deepEqual([clamp(-1), clamp(2)], [0, 1]);
});

test("ticks are round and few", () => {
  assert.deepEqual(ticks(0, 100, 5), [0, 20, 40, 60, 80, 100]);
  assert.deepEqual(powers(3, 4000), [10, 100, 1000]);
  assert.deepEqual(
    times(0, 3600000, 4).map((at) => at / 60000),
    [0, 15, 30, 45, 60],
  );
  for (const [low, high] of [
    [0, 0],
    [5, 1],
    [0, Infinity],
    [NaN, 1],
  ])
    assert.ok(ticks(low, high).length <= 100);
});

test("the last word of a condition is completed, by what may stand there", () => {
  assert.ok(completions("http.ro").includes("http.route"));
  assert.ok(completions("kind = server a").includes("kind = server and"));
  assert.ok(completions("kind = server and dur").includes("kind = server and duration"));
  assert.deepEqual(completions('name = "'), []);
});
