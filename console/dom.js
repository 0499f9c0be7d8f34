// dom: elements, times and figures. Every text from outside becomes a text node; nothing here parses HTML.

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function el(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

/// A name from outside: kept apart from the direction of the text around it.
export function foreign(text) {
  return el("bdi", null, text);
}

let silence = 0;

/// Says something that a screen reader reads, too; gone after a while.
export function say(text) {
  const live = document.getElementById("live");
  live.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => { live.textContent = ""; }, 8000);
}

export function notice(kind, ...paragraphs) {
  const role = kind === "bad" ? "alert" : null;
  return el("div", { class: `notice ${kind}`, role }, paragraphs.filter(Boolean).map((text) => el("p", null, text)));
}

const kUnits = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

/// "2 d 4 h", "5 min", "12 s"
export function span(seconds) {
  const whole = Math.round(Math.abs(seconds));
  const first = kUnits.findIndex(([, size]) => whole >= size);
  if (first < 0) return "0 s";
  const [unit, size] = kUnits[first];
  const rest = kUnits[first + 1];
  const count = Math.floor(whole / size);
  const left = rest && count < 10 && unit !== "min" ? Math.floor((whole % size) / rest[1]) : 0;
  return left > 0 ? `${count} ${unit} ${left} ${rest[0]}` : `${count} ${unit}`;
}

export function relative(date) {
  const seconds = (date.getTime() - Date.now()) / 1000;
  if (Math.abs(seconds) < 2) return "now";
  return seconds > 0 ? `in ${span(seconds)}` : `${span(seconds)} ago`;
}

export function clock(date, withSeconds = false) {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (withSeconds) options.second = "2-digit";
  return date.toLocaleTimeString(undefined, options);
}

export function day(date) {
  return date.toLocaleDateString(undefined, { weekday: "short", year: "numeric", month: "short", day: "numeric" });
}

function short_day(date) {
  const now = new Date();
  if (date.toDateString() === now.toDateString()) return "today";
  const year = date.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return date.toLocaleDateString(undefined, { day: "numeric", month: "short", year });
}

/// A moment as people say it, with the exact one at hand.
export function when(text, { absolute = false } = {}) {
  if (!text) return el("span", { class: "muted" }, "never");
  const date = new Date(text);
  const words = absolute ? `${relative(date)} (${short_day(date)}, ${clock(date)})` : relative(date);
  return el("time", { datetime: text, title: `${day(date)}, ${clock(date, true)}` }, words);
}

export function count(value) {
  return Number(value).toLocaleString("en-US", { maximumFractionDigits: 0 });
}

const kShapes = {
  good: () => svg("circle", { cx: 5, cy: 5, r: 4 }),
  warn: () => svg("path", { d: "M5 0.5 10 9.500H0z" }),
  bad: () => svg("rect", { x: 1, y: 1, width: 8, height: 8 }),
  off: () => svg("path", { d: "M1 4h8v2H1z" }),
};

const kStatuses = {
  active: ["good", "active"],
  suspect: ["warn", "suspect"],
  needs_reauth: ["bad", "needs consent"],
  revoking: ["warn", "revoking"],
  revoked: ["off", "revoked"],
};

/// A grant's status: word, colour and shape.
export function chip(status) {
  const [kind, word] = kStatuses[status] ?? ["off", status];
  const shape = svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, kShapes[kind]());
  return el("span", { class: `chip ${kind}` }, shape, word);
}
