// The page's scripts without a browser: what they draw and keep. Run by test_web.py; prints a word for each that is right.

import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const load = (name) => import(pathToFileURL(join(process.argv[2], name)));

let source = null;
let see = null; // what happens when the page is shown or hidden
Object.assign(globalThis, {
  devicePixelRatio: 1,
  document: { documentElement: { dataset: { timeZone: "UTC" } }, hidden: true, addEventListener: (name, act) => (see = act) },
  getComputedStyle: () => ({ getPropertyValue: (name) => name }),
  matchMedia: () => ({ addEventListener() {} }),
  ResizeObserver: class {
    observe() {}
  },
  EventSource: class {
    static CONNECTING = 0;
    static CLOSED = 2;
    constructor() {
      source = this;
      this.on = {};
    }
    addEventListener(name, act) {
      this.on[name] = act;
    }
    close() {
      if (source === this) source = null;
    }
  },
});

const [WIDTH, HEIGHT] = [400, 300];
const drawn = [];
const pen = new Proxy(
  {
    beginPath: () => drawn.push([]),
    moveTo: (x, y) => drawn.at(-1).push([x, y]),
    lineTo: (x, y) => drawn.at(-1).push([x, y]),
    arc: (x, y) => drawn.at(-1).push([x, y]),
    stroke: () => ((drawn.at(-1).strokes ??= []).push([pen.strokeStyle, pen.lineWidth])), // prettier-ignore
  },
  { get: (known, name) => known[name] ?? (() => {}), set: (known, name, value) => ((known[name] = value), true) },
);
let shown = 0; // how often the map was brought into sight
const canvas = { clientWidth: WIDTH, clientHeight: HEIGHT, getContext: () => pen, setPointerCapture() {}, scrollIntoView: () => shown++ }; // prettier-ignore
const on = {}; // what the newest map does at events of the canvas
canvas.addEventListener = (name, act) => (on[name] = act);

const square = (west, east) => [[west, -17], [east, -17], [east, -16.998], [west, -16.998]]; // prettier-ignore
const outlines = { w: square(179.996, 179.998), m: square(179.999, 180.001), e: square(-179.998, -179.996) };
const live = {
  cells: new Map(Object.keys(outlines).map((cell) => [cell, new Map()])),
  outlines: new Map(Object.entries(outlines)),
  alerts: new Map([["a", { cell: "elsewhere", lon: -179.997, lat: -16.999 }]]),
  occupancy: () => 1,
};

const { boxOf, eastward } = await load("fit.js");
const { CellMap } = await load("map.js");
assert.deepEqual([eastward(179, -179), eastward(-179, 179), eastward(10, 30)], [2, -2, 20]);
const map = new CellMap(canvas, live, () => {});
const middle = (shape) => shape.reduce((sum, [x]) => sum + x, 0) / shape.length;
function picture() {
  drawn.length = 0;
  map.draw();
  return drawn.map((shape) => ({ middle: middle(shape), wide: Math.max(...shape.map(([x]) => Math.abs(x - middle(shape)))) }));
}
const inSight = (shapes) => shapes.every(({ middle, wide }) => middle > 0 && middle < WIDTH && wide < WIDTH / 5);

let [west, between, east, ring] = picture();
assert.ok(inSight([west, between, east]) && west.middle < between.middle && between.middle < east.middle);
console.log("one-piece");
for (const lon of [179.997, -179.997, 180.003, -180.003]) {
  map.centre(lon, -17);
  map._view.scale = 20_000;
  [west, between, east, ring] = picture();
  assert.ok(inSight([west, between, east]) && west.middle < between.middle && between.middle < east.middle, `${lon}`);
}
console.log("both-sides");
assert.ok(Math.abs(ring.middle - east.middle) < 1);
console.log("alert");

/** The pixels across which the middles of some cells lie when all is shown; cells: [lon, lat, vehicles], by name. */
function across(cells, names) {
  const shapes = Object.entries(cells).map(([cell, [lon, lat]]) => [cell, [[lon, lat], [lon + 0.004, lat + 0.004]]]); // prettier-ignore
  const shown = { cells: new Map(shapes), outlines: new Map(shapes), alerts: new Map(), occupancy: (cell) => cells[cell][2] };
  drawn.length = 0;
  new CellMap(canvas, shown, () => {}).draw();
  const middles = Object.keys(cells).map((cell, number) => [cell, middle(drawn[number])]);
  const found = middles.filter(([cell]) => names.includes(cell)).map(([, x]) => x);
  return Math.max(...found) - Math.min(...found);
}
const pudong = { a: [121.4, 31.15, 20], b: [121.5, 31.2, 60], c: [121.6, 31.25, 30] };
assert.ok(across({ stray: [116.4, 39.9, 1], ...pudong }, "abc") > WIDTH / 2);

const at = (lon, lat, vehicles = 1) => ({ corners: [[lon, lat], [lon + 0.004, lat + 0.004]], vehicles }); // prettier-ignore
const city = [at(121.41, 31.13), at(121.5, 31.2, 60), at(121.6, 31.25, 30), at(121.69, 31.34)];
const whole = [121.41, 31.13, 121.694, 31.344];
const close = (box, wanted) => box.forEach((edge, side) => assert.ok(Math.abs(edge - wanted[side]) < 1e-9, `${box}`));
close(boxOf(city), whole);
for (const stray of [at(116.4, 39.9), at(0, 0), at(-58.5, 31.2), at(121.5, -90)]) {
  close(boxOf([stray, ...city]), whole);
  close(boxOf([...city, stray]), whole);
}
close(boxOf([at(1, 1), at(2, 2)]), [1, 1, 2.004, 2.004]); // two vehicles: neither is a stray one
close(boxOf([at(121.4, 31), at(121.55, 31.3), at(121.7, 31.15)]), [121.4, 31, 121.704, 31.304]); // nor of three
close(boxOf([at(5, 50)]), [5, 50, 5.004, 50.004]);
assert.equal(boxOf([]), null);
console.log("strays");

close(boxOf(city, [at(121.9, 31.5), at(116.4, 39.9)]), [121.41, 31.13, 121.904, 31.504]); // outside, and in another city
close(boxOf([], [at(121.5, 31.2), at(121.6, 31.3)]), [121.5, 31.2, 121.604, 31.304]);
const chosen = [];
const sensors = { cells: new Map(), outlines: new Map(), occupancy: () => 0 };
sensors.alerts = new Map([["s", { alert_id: "s", cell: "far", lon: 121.5, lat: 31.2 }], ["t", { alert_id: "t", cell: "away", lon: 121.6, lat: 31.3 }]]); // prettier-ignore
const onSensors = new CellMap(canvas, sensors, (...what) => chosen.push(what));
drawn.length = 0;
onSensors.draw();
assert.equal(drawn.length, 2);
for (const [[x, y]] of drawn) {
  assert.ok(x > 7 && x < WIDTH - 7 && y > 7 && y < HEIGHT - 7);
  on.pointerdown({ offsetX: x, offsetY: y });
  on.pointerup({ offsetX: x, offsetY: y });
}
assert.deepEqual(chosen, [["far", "s"], ["away", "t"]]); // prettier-ignore
console.log("alerts-alone");

const marks = { cells: new Map([["a", 0], ["b", 0]]), outlines: new Map([["a", square(1, 2)], ["b", square(3, 4)]]), occupancy: () => 99 }; // prettier-ignore
marks.alerts = new Map([["a", { cell: "a", lon: 1.5, lat: -17 }], ["ring", { cell: "none", lon: 2.5, lat: -17 }]]); // prettier-ignore
const marked = new CellMap(canvas, marks, () => {});
marked.selected = "b";
drawn.length = 0;
marked.draw();
for (const [shape, name] of [[drawn[2], "--mark"], [drawn[3], "--mark"], [drawn[4], "--ink"]]) {
  const [[under, broad], [over, narrow]] = shape.strokes; // a mark stands out from what it is on, dark or light
  assert.deepEqual([under, over], ["--back", name]);
  assert.ok(broad >= narrow + 2);
}
console.log("marks");

const box = (west, south, east, north) => [[west, south], [east, south], [east, north], [west, north], [west, south]]; // prettier-ignore
const area = [[box(179.5, -17.5, 180, -16.5), box(179.6, -17.2, 179.7, -17.1)], [box(-180, -17.5, -179, -16.5)]]; // prettier-ignore
const ruled = { ...marks, alerts: new Map([["r", { alert_id: "r", cell: "none", lon: -180, lat: -17, area }]]) };
const rules = new CellMap(canvas, ruled, () => {});
const shapes = () => {
  drawn.length = 0;
  rules.draw();
  return drawn.slice(ruled.cells.size);
};
const within = ([drawnArea]) => {
  const [xs, ys] = [0, 1].map((axis) => drawnArea.map((corner) => corner[axis]));
  for (const [edges, room] of [[xs, WIDTH], [ys, HEIGHT]]) assert.ok(Math.min(...edges) > 0 && Math.max(...edges) < room, `${edges}`); // prettier-ignore
  return Math.max((Math.max(...ys) - Math.min(...ys)) / HEIGHT, (Math.max(...xs) - Math.min(...xs)) / WIDTH);
};
const near180 = new CellMap(canvas, { ...ruled, cells: new Map([["c", 0]]), outlines: new Map([["c", square(179.6, 179.602)]]) }, () => {}); // prettier-ignore
drawn.length = 0;
near180.draw();
assert.ok(within(drawn.slice(1)) > 0.9); // "all" holds it, too
let [drawnArea, itsRing, ...others] = shapes();
assert.deepEqual([drawnArea.length, itsRing.length, others.length], [15, 1, 0]); // prettier-ignore
assert.equal(drawnArea.strokes[1][0], "--mark");
rules.showAlert(ruled.alerts.get("r"));
rules.alert = "r"; // as the page does, whichever comes first
[drawnArea, itsRing, ...others] = shapes();
assert.ok(within([drawnArea]) > 0.9);
assert.ok(Math.abs(itsRing[0][0] - drawnArea[1][0]) < 1e-6); // both sides of 180° meet where its cell is
assert.deepEqual([others.length, others[0].length, others[0].strokes[1][0]], [1, 15, "--ink"]); // prettier-ignore
rules.showAlert({ lon: 3, lat: -17, area: null });
assert.ok(rules._view.scale >= 12_000);
console.log("areas");

const fingers = (kind, ...places) => places.forEach(([x, y], id) => on[kind]({ offsetX: x, offsetY: y, pointerId: id, button: 0 })); // prettier-ignore
const touched = [];
const phone = new CellMap(canvas, plainCity(), (...what) => touched.push(what));
phone.draw();
const [place, scaleBefore] = [phone._position(200, 150), phone._view.scale];
fingers("pointerdown", [160, 150], [240, 150]);
for (let far = 41; far <= 80; far++) fingers("pointermove", [200 - far, 150], [200 + far, 150]);
const near = (found, wanted) => found.forEach((value, at) => assert.ok(Math.abs(value - wanted[at]) < 1e-6, `${found}`));
near(phone._position(200, 150), place); // what was between the fingers is there still
near([phone._view.scale / scaleBefore], [2]);
fingers("pointermove", [150, 150], [310, 150]); // both to the right, one after the other
near(phone._position(230, 150), place);
fingers("pointerup", [150, 150], [310, 150]);
fingers("pointermove", [10, 10]); // none is down
near(phone._position(230, 150), place);
assert.deepEqual(touched, []);
fingers("pointerdown", [230, 150]);
fingers("pointermove", [250, 170]);
near(phone._position(250, 170), place);
fingers("pointerup", [250, 170]);
assert.deepEqual(touched, []);
phone._view.scale = 20; // of a city here and one on the other side of the globe
fingers("pointerdown", [230, 150]);
fingers("pointermove", [250, 170]);
fingers("pointerup", [250, 170]);
assert.equal(phone._view.scale, 20);
console.log("fingers");

assert.equal(shown, 6); // each time that a place was asked for, above
console.log("in-sight");

function plainCity() {
  return { cells: new Map([["s", 0]]), outlines: new Map([["s", [[121.5, 31.1], [121.51, 31.11]]]]), alerts: new Map(), occupancy: () => 1 }; // prettier-ignore
}
const plain = { cells: new Map([["s", 0], ["n", 0]]), alerts: new Map(), occupancy: () => 1 }; // prettier-ignore
plain.outlines = new Map([["s", [[121.5, 31.1], [121.51, 31.11]]], ["n", [[121.5, 31.3], [121.51, 31.31]]]]); // prettier-ignore
for (const [free, seen] of [[HEIGHT, HEIGHT], [HEIGHT - 60, HEIGHT - 60], [-20, HEIGHT / 2]]) {
  drawn.length = 0;
  new CellMap(canvas, plain, () => {}, () => free).draw(); // prettier-ignore
  const heights = drawn.flat().map(([, y]) => y);
  const [above, below] = [Math.min(...heights), seen - Math.max(...heights)];
  assert.ok(above > 0 && Math.abs(above - below) < 1 && above < 0.04 * HEIGHT, `${free}: ${above}, ${below}`);
}
console.log("legend");

/** As much of an element as lists take; whoever is moved or taken out loses the focus, as in a browser. */
class Element {
  constructor() {
    Object.assign(this, { children: [], dataset: {}, setAttribute() {} });
  }
  get firstChild() {
    return this.children[0];
  }
  contains(other) {
    return this === other || this.children.some((child) => child.contains(other));
  }
  remove() {
    this.parent?.children.splice(this.parent.children.indexOf(this), 1);
    this.parent = null;
    if (this.contains(document.activeElement)) document.activeElement = null;
  }
  insertBefore(child, before) {
    child.remove();
    this.children.splice(before ? this.children.indexOf(before) : this.children.length, 0, child);
    child.parent = this;
    return child;
  }
  appendChild(child) {
    return this.insertBefore(child, null);
  }
  append(...children) {
    for (const child of children) this.insertBefore(child, null);
  }
  replaceChildren() {}
}
document.createElement = () => new Element();
const { list, table } = await load("list.js");
const entries = new Element();
const ask = (keys) => list(entries, [...keys], (key) => ({ key, pressed: false, parts: [["span", key]], act() {} }));
const keys = () => entries.children.map((item) => item.dataset.key).join("");
ask("abcde");
document.activeElement = entries.children[2].firstChild;
for (const order of ["acbde", "cabde", "edcba", "xcya", "c", "qwertzc"]) {
  ask(order);
  assert.equal(keys(), order);
  assert.equal(document.activeElement?.parent.dataset.key, "c", order); // whoever chose it by keyboard is still there
}
ask("q");
assert.deepEqual([keys(), document.activeElement], ["q", null]); // prettier-ignore
console.log("focus");
const body = new Element();
let rebuilt = 0;
body.replaceChildren = (...lines) => ((body.children = lines), rebuilt++);
for (const lines of [[["hello", 1], ["all", 1]], [["hello", 1], ["all", 1]], [["hello", 11], ["all", 1]]]) table(body, lines); // prettier-ignore
assert.equal(rebuilt, 2); // or nothing in it could be selected
assert.deepEqual([body.children.length, body.children[0].children.map((cell) => [cell.textContent, cell.scope])], [2, [["hello", "row"], ["11", undefined]]]); // prettier-ignore
console.log("table");

const { handling, Live } = await load("live.js");
const nobody = { acknowledged: false, acknowledged_by: null, assignee: null, due_at: null, comment: null };
assert.deepEqual(handling(nobody), []);
const anna = { acknowledged: true, acknowledged_by: "anna", assignee: "bo", due_at: "2026-03-01T03:00:00.000Z", comment: "van sent" };
assert.deepEqual(handling(anna), ["seen by anna", "assigned to bo", "due 2026-03-01 03:00:00 UTC", "“van sent”"]);
assert.deepEqual(handling({ ...nobody, assignee: "bo" }), ["assigned to bo"]);
assert.deepEqual(handling({ ...nobody, silenced_until: "2026-03-01T03:00:00Z" }), ["silenced until 2026-03-01 03:00:00 UTC"]);
console.log("handling");

async function inZone(zone) {
  document.documentElement.dataset.timeZone = zone;
  return (await import(`${pathToFileURL(join(process.argv[2], "live.js"))}?${zone}`)).time; // it looks once
}
const shanghai = await inZone("Asia/Shanghai");
assert.equal(shanghai("2026-03-01T16:00:00.123456Z"), "2026-03-02 00:00:00 GMT+8");
assert.equal(shanghai(null), "–");
const berlin = await inZone("Europe/Berlin"); // the hour that comes twice
assert.equal(berlin("2026-10-25T00:30:00Z"), "2026-10-25 02:30:00 CEST");
assert.equal(berlin("2026-10-25T01:30:00Z"), "2026-10-25 02:30:00 CET");
assert.equal((await inZone("right/Utopia"))("2026-03-01T03:00:00Z"), "2026-03-01 03:00:00 UTC");
console.log("zones");

let redraws = 0;
const known = new Live(() => redraws++);
const show = (visible) => see((document.hidden = !visible));
assert.equal(source, null); // opened in the background
show(true);
const say = (name, data) => source.on[name]({ data: JSON.stringify({ alerts: [], ...data }) });
const row = (cell, operator) => ({ cell, operator, occupancy: 1 });
say("snapshot", { cells: [row("w", "hello"), row("w", "didi"), row("e", "hello")], outlines: { w: [], e: [] } });
say("changes", { cells: [], gone: [["w", "didi"], ["e", "hello"]], outlines: {} }); // prettier-ignore
assert.deepEqual([[...known.cells.keys()], [...known.outlines.keys()]], [["w"], ["w"]]);
say("changes", { cells: [row("e", "didi")], gone: [], outlines: { e: [] } });
assert.deepEqual([...known.outlines.keys()], ["w", "e"]);
console.log("outlines");
const cells = () => [...known.cells.keys()];
say("snapshot", { cells: [row("n", "hello")], outlines: { n: [] }, more: true });
say("changes", { cells: [row("m", "hello")], outlines: { m: [] }, more: true });
assert.deepEqual(cells(), ["w", "e"]); // the old picture, until the new one is whole
say("snapshot", { cells: [row("n", "hello")], outlines: { n: [] }, more: true }); // it was cut off, and begins anew
say("changes", { cells: [row("s", "hello")], outlines: { s: [] }, more: false });
assert.deepEqual([cells(), [...known.outlines.keys()]], [["n", "s"], ["n", "s"]]); // prettier-ignore
say("changes", { cells: [row("n", "didi")], gone: [["n", "hello"]], outlines: { n: [] }, more: true }); // prettier-ignore
assert.equal(known.cells.get("n").has("didi"), false);
say("changes", { cells: [], gone: [["s", "hello"]], outlines: {}, more: false });
assert.deepEqual([cells(), [...known.cells.get("n").keys()], [...known.outlines.keys()]], [["n"], ["didi"], ["n"]]); // prettier-ignore
console.log("parts");
say("status", { fresh: true, polled_at: "2026-03-01T12:00:00Z" });
assert.equal(known.trouble, null);
say("status", { fresh: true, polled_at: "2026-03-01T12:00:00Z", stored_at: "2026-03-01T11:48:00Z", quiet_s: 721 });
assert.match(known.trouble, /^Nothing was stored for 12 min: .* as of 2026-03-01 11:48:00 UTC/);
const reason = "no worker looks after grid since 2026-03-01 11:48:00 UTC; cells and alerts stand still";
say("status", { fresh: true, polled_at: "2026-03-01T12:00:00Z", unattended: ["grid"], reason });
assert.equal(known.trouble, `N${reason.slice(1)}.`);
say("status", { fresh: true, polled_at: "2026-03-01T12:00:00Z", unattended: [], reason: null });
assert.equal(known.trouble, null);
console.log("quiet");
const { onerror } = source;
show(false);
assert.deepEqual([source, known.trouble, cells()], [null, null, ["n"]]); // prettier-ignore
onerror(); // it was on its way
known._watch();
known._connect();
assert.equal(source, null);
redraws = 0;
show(true);
assert.notEqual(source, null);
assert.deepEqual([redraws, known.trouble], [1, "No connection to the console. Trying again …"]); // prettier-ignore
say("snapshot", { cells: [row("n", "hello")], outlines: {}, more: true });
assert.equal(known.trouble, "Loading … What you see is older.");
say("changes", { cells: [row("s", "hello")], outlines: {}, more: false });
assert.deepEqual([known.trouble, cells()], [null, ["n", "s"]]); // prettier-ignore
console.log("hidden");
say("status", { fresh: false, polled_at: "2026-03-01T12:00:00Z", stale_since: "2026-03-01T12:00:00Z", reason: "PostgreSQL refuses us" });
assert.equal(known.trouble, "What you see is as of 2026-03-01 12:00:00 UTC: PostgreSQL refuses us");
say("status", { fresh: false, polled_at: null, reason: "PostgreSQL refuses us" });
assert.equal(known.trouble, "What you see is as of 2026-03-01 12:00:00 UTC: PostgreSQL refuses us"); // of another console
known.known = false;
assert.equal(known.trouble, "Nothing is known yet: PostgreSQL refuses us");
globalThis.fetch = async () => ({ ok: false, status: 503, json: async () => ({ detail: "all places are taken" }) });
source.onerror();
assert.match(known.trouble, /^No connection/);
source.readyState = EventSource.CLOSED;
source.onerror();
await new Promise(setImmediate);
assert.equal(known.trouble, "The console answers 503: all places are taken");
source.readyState = EventSource.CONNECTING; // it ended, and nobody refuses any more
source.onerror();
assert.match(known.trouble, /^No connection/);
source.readyState = EventSource.CLOSED;
say("status", { fresh: true, polled_at: "2026-03-01T12:00:00Z" });
say("snapshot", { cells: [], outlines: {}, more: false });
assert.equal(known.trouble, null);
globalThis.fetch = async () => Promise.reject(new TypeError("no network"));
source.onerror();
await new Promise(setImmediate);
assert.match(known.trouble, /^No connection/);
console.log("reasons");
process.exit(0); // live.js watches for ever
