// The page's scripts without a browser: what they draw and keep. Run by test_web.py; prints a word for each that is right.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const load = (name) =>
  import(`data:text/javascript;base64,${readFileSync(join(process.argv[2], name)).toString("base64")}`);

let source = null;
Object.assign(globalThis, {
  devicePixelRatio: 1,
  document: { documentElement: null },
  getComputedStyle: () => ({ getPropertyValue: () => "#000" }),
  matchMedia: () => ({ addEventListener() {} }),
  ResizeObserver: class {
    observe() {}
  },
  EventSource: class {
    constructor() {
      source = this;
      this.on = {};
    }
    addEventListener(name, act) {
      this.on[name] = act;
    }
    close() {}
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
  },
  { get: (known, name) => known[name] ?? (() => {}), set: () => true },
);
const canvas = { clientWidth: WIDTH, clientHeight: HEIGHT, getContext: () => pen, addEventListener() {} };

const square = (west, east) => [[west, -17], [east, -17], [east, -16.998], [west, -16.998]]; // prettier-ignore
const outlines = { w: square(179.996, 179.998), m: square(179.999, 180.001), e: square(-179.998, -179.996) };
const live = {
  cells: new Map(Object.keys(outlines).map((cell) => [cell, new Map()])),
  outlines: new Map(Object.entries(outlines)),
  alerts: new Map([["a", { cell: "elsewhere", lon: -179.997, lat: -16.999 }]]),
  occupancy: () => 1,
};

const { CellMap, eastward } = await load("map.js");
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

const { Live } = await load("live.js");
const city = new Live(() => {});
const say = (name, data) => source.on[name]({ data: JSON.stringify({ alerts: [], ...data }) });
const row = (cell, operator) => ({ cell, operator, occupancy: 1 });
say("snapshot", { cells: [row("w", "hello"), row("w", "didi"), row("e", "hello")], outlines: { w: [], e: [] } });
say("changes", { cells: [], gone: [["w", "didi"], ["e", "hello"]], outlines: {} }); // prettier-ignore
assert.deepEqual([[...city.cells.keys()], [...city.outlines.keys()]], [["w"], ["w"]]);
say("changes", { cells: [row("e", "didi")], gone: [], outlines: { e: [] } });
assert.deepEqual([...city.outlines.keys()], ["w", "e"]);
console.log("outlines");
process.exit(0); // live.js watches for ever
