// A map of hexagons on a canvas: coloured by count, to zoom and to move, with no tiles and no library.

import { boxOf, eastward } from "./fit.js";

export const BOUNDS = [1, 5, 10, 20, 40, 80]; // least count of each class but the first

const ROOM = 0.005; // degrees around an alert that is shown
const RING = 7; // pixels
const CASING = 2; // pixels of background around a mark: on cells as dark as itself it would not be seen
const [FARTHEST, NEAREST] = [50, 2e6]; // scales

/** The class of a count, 0 to 6. */
export function classOf(count) {
  return BOUNDS.filter((bound) => count >= bound).length;
}

const distance = ([x, y], [toX, toY]) => Math.hypot(toX - x, toY - y);

/** Corners that hold all that is drawn of an alert. */
function around({ lon, lat, area }) {
  return [[lon - ROOM, lat - ROOM], [lon + ROOM, lat + ROOM], ...(area?.flat(2) ?? [])]; // prettier-ignore
}

/** The middle of places, and how far from it they are. */
function between(places) {
  const middle = [0, 1].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length);
  return { middle, apart: places.reduce((sum, place) => sum + distance(place, middle), 0) };
}

export class CellMap {
  /**
   * @param {(cell: string, alert?: string) => void} chosen called when a cell, or the ring of an alert, is clicked.
   * @param {() => number} free pixels from above that nothing else covers.
   */
  constructor(canvas, live, chosen, free = () => canvas.clientHeight) {
    this._canvas = canvas;
    this._live = live;
    this._chosen = chosen;
    this._free = free;
    this._view = null; // {lon, lat, scale}: the middle, and pixels per degree of latitude
    this._moved = false; // whether a person has; until then all cells are kept in sight
    this.selected = null;
    this.alert = null; // the id of the one that is selected
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this._listen();
  }

  showAll() {
    this._moved = false;
    this.draw();
  }

  /** Zoom; what is at (x, y) comes to (toX, toY). */
  zoom(factor, x = this._canvas.clientWidth / 2, y = this._canvas.clientHeight / 2, toX = x, toY = y) {
    if (!this._view) return;
    const [lon, lat] = this._position(x, y);
    const farthest = Math.min(FARTHEST, this._view.scale); // a city may be so wide that all of it is farther still
    this._view.scale = Math.min(NEAREST, Math.max(farthest, this._view.scale * factor));
    const [lonNow, latNow] = this._position(toX, toY);
    this._move(lon - lonNow, lat - latNow);
  }

  centre(lon, lat) {
    if (!this._view) return;
    this._view.scale = Math.max(this._view.scale, 12_000);
    this._move(lon - this._view.lon, lat - this._view.lat);
    this._canvas.scrollIntoView({ block: "nearest" }); // on a phone the lists are below it
  }

  /** Bring an alert to the middle: all of its area, or its cell. */
  showAlert(alert) {
    if (!this._view) return;
    if (!alert.area) return this.centre(alert.lon, alert.lat);
    this._moved = true;
    this._fill(boxOf([{ corners: around(alert), vehicles: 1 }]));
    this.draw();
    this._canvas.scrollIntoView({ block: "nearest" });
  }

  draw() {
    const ratio = devicePixelRatio || 1;
    const [width, height] = [this._canvas.clientWidth, this._canvas.clientHeight];
    if (this._canvas.width !== width * ratio || this._canvas.height !== height * ratio) {
      [this._canvas.width, this._canvas.height] = [width * ratio, height * ratio];
    }
    if (!this._moved) this._fit();
    const pen = this._canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (!this._view) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name);
    const scale = BOUNDS.map((_, number) => colour(`--c${number + 1}`));
    scale.unshift(colour("--c0"));
    pen.lineWidth = Math.min(1, this._view.scale / 6_000); // small cells would be all edge
    pen.strokeStyle = colour("--back");
    for (const cell of this._live.cells.keys()) {
      pen.fillStyle = scale[classOf(this._live.occupancy(cell))];
      if (this._trace(pen, cell)) {
        pen.fill();
        pen.stroke();
      }
    }
    const mark = (width, name) => {
      for (const [broad, tone] of [[width + CASING, "--back"], [width, name]]) {
        [pen.lineWidth, pen.strokeStyle] = [broad, colour(tone)];
        pen.stroke();
      }
    };
    for (const alert of this._live.alerts.values()) {
      if (this._traceArea(pen, alert.area)) mark(1.5, "--mark");
      if (!this._trace(pen, alert.cell)) this._ring(pen, alert);
      mark(2.5, "--mark");
    }
    if (this._traceArea(pen, this._live.alerts.get(this.alert)?.area)) mark(2.5, "--ink");
    if (this.selected && this._trace(pen, this.selected)) mark(3.5, "--ink");
  }

  _fit() {
    const { cells, outlines, alerts } = this._live;
    const box = boxOf(
      [...cells.keys()]
        .filter((cell) => outlines.has(cell))
        .map((cell) => ({ corners: outlines.get(cell), vehicles: Math.max(1, this._live.occupancy(cell)) })),
      [...alerts.values()].map((alert) => ({ corners: around(alert), vehicles: 1 })),
    );
    if (box) this._fill(box);
  }

  /** Show [west, south, east, north] as large as there is room. */
  _fill(box) {
    const [width, height] = [this._canvas.clientWidth, this._canvas.clientHeight];
    if (!width || !height) return;
    const [west, south, east, north] = box;
    const [lon, lat] = [(west + east) / 2, (south + north) / 2];
    const across = (east - west) * Math.cos((lat * Math.PI) / 180);
    const free = Math.max(height / 2, this._free());
    const scale = Math.min(NEAREST, 0.94 * Math.min(width / across, free / (north - south)));
    this._view = { lon, lat: lat - (height - free) / 2 / scale, scale };
  }

  /** Pixels of a position; near enough to Mercator for a city. */
  _pixels(lon, lat) {
    const { lon: lon0, lat: lat0, scale } = this._view;
    const x = (lon - lon0) * Math.cos((lat0 * Math.PI) / 180) * scale;
    return [this._canvas.clientWidth / 2 + x, this._canvas.clientHeight / 2 - (lat - lat0) * scale];
  }

  _position(x, y) {
    const { lon, lat, scale } = this._view;
    const east = (x - this._canvas.clientWidth / 2) / scale / Math.cos((lat * Math.PI) / 180);
    return [lon + east, lat - (y - this._canvas.clientHeight / 2) / scale];
  }

  _trace(pen, cell) {
    const corners = this._live.outlines.get(cell);
    if (!corners) return false;
    pen.beginPath();
    this._traceRing(pen, corners);
    return true;
  }

  /** Trace the polygons of an area, as those of a MultiPolygon in GeoJSON. */
  _traceArea(pen, area) {
    if (!area) return false;
    pen.beginPath();
    for (const ring of area.flat()) this._traceRing(pen, ring);
    return true;
  }

  _traceRing(pen, corners) {
    const turn = this._turn(corners[0][0]); // the same for all corners, or the ring would be torn
    corners.forEach(([lon, lat], number) => {
      const [x, y] = this._pixels(lon + turn, lat);
      if (number) pen.lineTo(x, y);
      else pen.moveTo(x, y);
    });
    pen.closePath();
  }

  /** Whole turns of the globe that bring a longitude to the side of it that is in sight. */
  _turn(lon) {
    return this._view.lon + eastward(this._view.lon, lon) - lon;
  }

  _ring(pen, alert) {
    pen.beginPath();
    pen.arc(...this._place(alert), RING, 0, 2 * Math.PI);
  }

  _place({ lon, lat }) {
    return this._pixels(lon + this._turn(lon), lat);
  }

  _move(lon, lat) {
    this._moved = true;
    this._view.lon += lon;
    this._view.lat += lat;
    this.draw();
  }

  /** Choose what is at a pixel: a ring and its alert, or a cell. */
  _choose(x, y) {
    if (!this._view) return;
    for (const alert of this._live.alerts.values()) {
      if (this._live.outlines.has(alert.cell)) continue;
      const [alertX, alertY] = this._place(alert);
      if (Math.hypot(x - alertX, y - alertY) <= RING + 2) return this._chosen(alert.cell, alert.alert_id);
    }
    const pen = this._canvas.getContext("2d");
    const ratio = devicePixelRatio || 1;
    for (const cell of this._live.cells.keys()) {
      if (this._trace(pen, cell) && pen.isPointInPath(x * ratio, y * ratio)) return this._chosen(cell);
    }
  }

  _listen() {
    const canvas = this._canvas;
    const down = new Map(); // where each finger is, or the mouse while its button is down
    let far = false; // whether they move the map
    canvas.addEventListener("pointerdown", (event) => {
      down.set(event.pointerId, [event.offsetX, event.offsetY]);
      far = down.size > 1;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const from = down.get(event.pointerId);
      if (!from || !this._view) return;
      const to = [event.offsetX, event.offsetY];
      if (!far && distance(from, to) < 4) return;
      far = true;
      const before = between([...down.values()]);
      down.set(event.pointerId, to);
      const after = between([...down.values()]);
      this.zoom(before.apart ? after.apart / before.apart : 1, ...before.middle, ...after.middle);
    });
    canvas.addEventListener("pointerup", (event) => {
      if (down.delete(event.pointerId) && !far) this._choose(event.offsetX, event.offsetY);
    });
    canvas.addEventListener("pointercancel", (event) => down.delete(event.pointerId));
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
      },
      { passive: false },
    );
    canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-80, 0], ArrowRight: [80, 0], ArrowUp: [0, -80], ArrowDown: [0, 80] };
      const step = steps[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey || !this._view) return;
      if (step) {
        const [lon, lat] = this._position(canvas.clientWidth / 2 + step[0], canvas.clientHeight / 2 + step[1]);
        this._move(lon - this._view.lon, lat - this._view.lat);
      } else if (event.key === "+" || event.key === "=") this.zoom(1.4);
      else if (event.key === "-") this.zoom(1 / 1.4);
      else if (event.key === "0") this.showAll();
      else return;
      event.preventDefault();
    });
  }
}
