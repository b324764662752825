// What the city looks like, kept up to date by Server-Sent Events: a snapshot, then changes (docs/console.md).

const QUIET_MS = 25_000; // the console says something every 10 s
const AGAIN_MS = 2_000;

export class Live {
  /** @param {() => void} changed called after each change. */
  constructor(changed) {
    this.cells = new Map(); // cell -> Map(operator -> row)
    this.outlines = new Map(); // cell -> corners [lon, lat]
    this.alerts = new Map(); // alert_id -> alert
    this.status = null; // what the console last said of itself
    this.connected = false;
    this.known = false; // whether there was a snapshot
    this.current = false; // whether there was one since we connected
    this._polledAt = null; // as of when a console last told something; one that began anew may know nothing
    this._refusal = null; // why the console takes no more clients
    this._parts = []; // events of one moment, the last of which has yet to come
    this._anew = false; // whether they are a snapshot
    this._changed = changed;
    this._lastWord = Date.now();
    document.addEventListener("visibilitychange", () => this._see());
    this._see();
    setInterval(() => this._watch(), 1_000);
  }

  /** Why what is shown may be out of date; null while it is not. */
  get trouble() {
    if (document.hidden) return null; // nobody sees it
    if (!this.connected) return this._refusal ?? "No connection to the console. Trying again …";
    if (this.status && !this.status.fresh) {
      return `${this.known ? `What you see is as of ${time(this._polledAt)}` : "Nothing is known yet"}: ${this.status.reason}`;
    }
    if (this.status?.quiet_s) {
      return `Nothing was stored for ${span(this.status.quiet_s)}: no worker runs, or none gets on. What you see is as of ${time(this.status.stored_at)}.`;
    }
    if (this.status?.unattended?.length) return `${this.status.reason[0].toUpperCase()}${this.status.reason.slice(1)}.`;
    if (!this.current) return this.known ? "Loading … What you see is older." : "Loading …";
    return null;
  }

  /** Follow while the tab is seen: over HTTP/1.1 a browser has six connections to a host for all its tabs. */
  _see() {
    if (!document.hidden) this._connect();
    else {
      this._source?.close();
      this._source = null;
    }
    this._lost();
  }

  _connect() {
    if (document.hidden) return;
    this._source?.close();
    this._lastWord = Date.now();
    const source = (this._source = new EventSource("api/v1/live"));
    const on = (name, act) =>
      source.addEventListener(name, (event) => {
        this._lastWord = Date.now();
        this.connected = true;
        this._refusal = null;
        const data = JSON.parse(event.data);
        this._polledAt = data.polled_at ?? this._polledAt;
        act(data);
        this._changed();
      });
    on("snapshot", (data) => {
      [this._parts, this._anew] = [[], true];
      this._part(data);
    });
    on("changes", (data) => this._part(data));
    on("status", (data) => (this.status = data));
    source.onerror = () => {
      this._lost();
      // A browser gives up where it was refused; otherwise it connects again by itself.
      if (source.readyState !== EventSource.CLOSED) {
        this._refusal = null;
        return;
      }
      this._ask();
      setTimeout(() => this._connect(), AGAIN_MS);
    };
  }

  /** Find out why the stream was refused, which a browser does not tell. */
  async _ask() {
    const asked = new AbortController();
    try {
      const answer = await fetch("api/v1/live", { signal: asked.signal });
      this._refusal = answer.ok ? null : `The console answers ${answer.status}: ${(await answer.json()).detail}`;
    } catch {
      this._refusal = null; // it is not there, or something else answers in its place
    }
    asked.abort(); // a place may have become free, and this would hold it
    this._changed();
  }

  /** Keep what comes in several events until all are there: they tell of one moment. */
  _part(data) {
    this._parts.push(data);
    if (data.more) return;
    if (this._anew) {
      this.known = true;
      this.cells.clear();
      this.outlines.clear();
      this.alerts.clear();
    }
    this.current ||= this._anew;
    for (const part of this._parts) this._take(part);
    [this._parts, this._anew] = [[], false];
  }

  _take(data) {
    for (const [cell, corners] of Object.entries(data.outlines)) this.outlines.set(cell, corners);
    for (const row of data.cells) {
      if (!this.cells.has(row.cell)) this.cells.set(row.cell, new Map());
      this.cells.get(row.cell).set(row.operator, row);
    }
    for (const [cell, operator] of data.gone ?? []) {
      const rows = this.cells.get(cell);
      rows?.delete(operator);
      if (rows?.size !== 0) continue;
      this.cells.delete(cell);
      this.outlines.delete(cell); // is told again with the cell
    }
    for (const alert of data.alerts) this.alerts.set(alert.alert_id, alert);
    for (const id of data.over ?? []) this.alerts.delete(id);
  }

  _watch() {
    if (!this._source || Date.now() - this._lastWord < QUIET_MS) return;
    this._lost(); // frozen, or cut off without a word
    this._connect();
  }

  _lost() {
    this.connected = this.current = false;
    this._changed();
  }

  /** Vehicles that stand in a cell. */
  occupancy(cell) {
    let sum = 0;
    for (const row of this.cells.get(cell)?.values() ?? []) sum += row.occupancy;
    return sum;
  }
}

/** A time for people, to the second, by the clocks of the city: the page is served with their zone. */
export function time(text) {
  if (!text) return "–";
  const part = Object.fromEntries(clock().formatToParts(new Date(text)).map(({ type, value }) => [type, value]));
  return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second} ${part.timeZoneName}`;
}

let clocks = null;
function clock() {
  const digits = Object.fromEntries(["month", "day", "hour", "minute", "second"].map((name) => [name, "2-digit"]));
  const of = (timeZone) => new Intl.DateTimeFormat("en-GB", { year: "numeric", ...digits, timeZoneName: "short", timeZone });
  try {
    clocks ??= of(document.documentElement.dataset.timeZone);
  } catch {
    clocks = of("UTC"); // a zone that this browser does not know
  }
  return clocks;
}

/** What people did about an alert, as far as they did anything. */
export function handling({ acknowledged, acknowledged_by, assignee, due_at, comment, silenced_until }) {
  return [
    silenced_until && `silenced until ${time(silenced_until)}`,
    acknowledged && `seen by ${acknowledged_by}`,
    assignee && `assigned to ${assignee}`,
    due_at && `due ${time(due_at)}`,
    comment && `“${comment}”`,
  ].filter(Boolean);
}

/** A long time for people: minutes, then hours, then days. */
function span(seconds) {
  const [minutes, hours, days] = [60, 3_600, 86_400].map((unit) => Math.floor(seconds / unit));
  return minutes < 120 ? `${minutes} min` : hours < 48 ? `${hours} h` : `${days} days`;
}
