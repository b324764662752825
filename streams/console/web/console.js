// The page: what is known (live.js) as a map (map.js), lists and a table. Data becomes text, never markup.

import { element, list, table } from "./list.js";
import { handling, Live, time } from "./live.js";
import { BOUNDS, CellMap } from "./map.js";

const MOST_ALERTS = 200;
const MOST_CELLS = 15;
const SEVERITIES = ["critical", "major", "minor", "warning"];
const byId = (id) => document.getElementById(id);
let selected = { cell: null, alert: null };
let due = false;

const live = new Live(() => {
  if (due) return;
  due = true; // many events at once are one picture; also where no frames come, as in a hidden tab
  setTimeout(() => {
    due = false;
    show();
  }, 50);
});
const map = new CellMap(byId("map"), live, choose, () => byId("legend").offsetTop);

function choose(cell, alert = null) {
  selected = { cell, alert };
  map.selected = cell;
  map.alert = alert;
  show();
  say(byId("chosen"), byId("cell-about").textContent); // once: the counts themselves change every second
}

function show() {
  const trouble = live.trouble;
  byId("banner").hidden = !trouble;
  if (byId("banner").textContent !== (trouble ?? "")) byId("banner").textContent = trouble ?? "";
  let [standing, held] = [0, 0];
  let newest = "";
  const full = [];
  for (const cell of live.cells.keys()) {
    const count = live.occupancy(cell);
    standing += count;
    held += count > 0;
    for (const row of live.cells.get(cell).values()) if (row.as_of > newest) newest = row.as_of;
    full.push([count, cell]);
  }
  const figures = `${counted(standing, "vehicle")} standing in ${counted(held, "cell")}, ${counted(live.alerts.size, "open alert")}`;
  byId("figures").textContent = live.known ? figures : "nothing is known yet";
  byId("clock").textContent = newest ? `positions up to ${time(newest)}` : "";
  byId("map").setAttribute("aria-label", `Map: ${figures}`);
  const count = live.connected && live.alerts.size; // a hidden tab knows none
  document.title = count ? `(${count}) Urban brain` : "Urban brain";
  showCell();
  showAlerts();
  full.sort((a, b) => b[0] - a[0] || (a[1] < b[1] ? -1 : 1));
  list(byId("full"), full.slice(0, MOST_CELLS).filter(([count]) => count), fullCell);
  map.draw();
}

function showCell() {
  const rows = [...(live.cells.get(selected.cell)?.values() ?? [])];
  rows.sort((a, b) => b.occupancy - a.occupancy || (a.operator < b.operator ? -1 : 1));
  byId("cell-table").hidden = rows.length === 0;
  if (!selected.cell) return;
  const alert = live.alerts.get(selected.alert);
  const about = rows.length ? `${selected.cell}: ${live.occupancy(selected.cell)} standing` : `${selected.cell}: no vehicles`;
  say(byId("cell-about"), alert ? `${about}. ${alert.summary}` : about);
  const lines = rows.map((row) => [
    row.completeness ? row.operator : `${row.operator} (silent: last known)`,
    row.occupancy,
    row.available,
    row.on_trip,
    row.occupancy - row.available,
  ]);
  if (rows.length > 1) {
    lines.push(["all", ...[1, 2, 3, 4].map((column) => lines.reduce((sum, line) => sum + line[column], 0))]);
  }
  table(byId("cell-table").tBodies[0], lines);
}

function showAlerts() {
  const alerts = [...live.alerts.values()];
  alerts.sort(
    (a, b) =>
      SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
      (a.starts_at < b.starts_at ? 1 : a.starts_at > b.starts_at ? -1 : a.alert_id < b.alert_id ? -1 : 1),
  );
  list(byId("alerts"), alerts.slice(0, MOST_ALERTS), openAlert);
  const rest = alerts.length - MOST_ALERTS;
  say(byId("alerts-more"), !live.known ? "" : alerts.length === 0 ? "None." : rest > 0 ? `and ${rest} more: api/v1/alerts` : "");
}

function openAlert(alert) {
  const severity = SEVERITIES.includes(alert.severity) ? alert.severity : "warning";
  const subject = alert.subject ? ` · ${alert.subject}` : "";
  return {
    key: alert.alert_id,
    pressed: alert.alert_id === selected.alert,
    parts: [
      ["span", alert.severity, `severity ${severity}`],
      ["span", ` ${alert.kind.replaceAll("_", " ")}${subject}`],
      ["span", alert.summary, "about"],
      ["span", [`since ${time(alert.starts_at)}`, alert.cell, `alert ${alert.alert_id.slice(0, 8)}`, ...handling(alert)].join(" · "), "about"],
    ],
    act: () => {
      choose(alert.cell, alert.alert_id);
      map.showAlert(alert);
    },
  };
}

function fullCell([count, cell]) {
  const shares = [...live.cells.get(cell).values()]
    .filter((row) => row.occupancy)
    .sort((a, b) => b.occupancy - a.occupancy)
    .map((row) => `${row.operator} ${row.occupancy}`);
  return {
    key: cell,
    pressed: cell === selected.cell && !selected.alert,
    parts: [
      ["span", `${count} in ${cell}`],
      ["span", shares.join(", "), "about"],
    ],
    act: () => {
      choose(cell);
      const corners = live.outlines.get(cell) ?? [];
      const mean = (place) => corners.reduce((sum, corner) => sum + corner[place], 0) / corners.length;
      if (corners.length) map.centre(mean(0), mean(1));
    },
  };
}

function counted(count, what) {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}

function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

function legend() {
  const names = ["0", ...BOUNDS.map((bound, number) => (BOUNDS[number + 1] ? `${bound}–${BOUNDS[number + 1] - 1}` : `${bound} or more`))];
  for (const [number, name] of names.entries()) {
    const entry = element("span");
    entry.append(element("i", undefined, `k${number}`), name);
    byId("legend").append(entry);
  }
  const entry = element("span");
  entry.append(element("i", undefined, "alert"), "open alert");
  byId("legend").append(entry);
}

byId("zoom-in").onclick = () => map.zoom(1.5);
byId("zoom-out").onclick = () => map.zoom(1 / 1.5);
byId("zoom-all").onclick = () => map.showAll();
legend();
