// charts: a few minutes or hours of figures. Shapes are stretched to the width there is; words stay HTML. Arrow keys move
// along a chart, and its figures are in a table below it.

import { clock, el, svg } from "./dom.js";

const kHeight = 100;

/// Ranges: how long, and how much of it one slot covers.
export const kRanges = {
  "1 h": { minutes: 60, slot: 1 },
  "6 h": { minutes: 360, slot: 5 },
  "24 h": { minutes: 1440, slot: 15 },
};

/// Values per minute, as slots of the range; null where there is nothing. `join`: what becomes of several minutes.
export function slots(history, values, range, join) {
  const end = Math.ceil(Date.parse(history.now) / 60000);
  const count = range.minutes / range.slot;
  const gathered = Array.from({ length: count }, () => []);
  history.at.forEach((at, i) => {
    const age = end - Math.ceil(Date.parse(at) / 60000);
    const slot = count - 1 - Math.floor(age / range.slot);
    if (slot >= 0 && slot < count && values[i] !== null && values[i] !== undefined) gathered[slot].push(values[i]);
  });
  return gathered.map((some) => (some.length ? join(some) : null));
}

export const sum = (some) => some.reduce((a, b) => a + b, 0);
export const most = (some) => Math.max(...some);
export const last = (some) => some[some.length - 1];

function slot_time(history, range, slot) {
  const end = Math.ceil(Date.parse(history.now) / 60000);
  return new Date((end - (range.minutes / range.slot - slot) * range.slot) * 60000);
}

/// The next round figure.
function ceiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function bars(series, count, top) {
  const width = 1000 / count;
  return Array.from({ length: count }, (_, slot) => {
    let base = kHeight;
    return series.map(({ values, mark }) => {
      const height = ((values[slot] ?? 0) / top) * kHeight;
      base -= height;
      return height > 0 && svg("rect", { class: mark, x: slot * width + width * 0.12, width: width * 0.76, y: base, height });
    });
  });
}

function lines(series, count, top) {
  const width = 1000 / count;
  return series.map(({ values, mark }) => {
    let path = "";
    let drawing = false;
    values.forEach((value, slot) => {
      if (value === null) {
        drawing = false;
        return;
      }
      const y = kHeight - Math.min(1, value / top) * kHeight;
      path += drawing ? `L${(slot + 0.5) * width} ${y}` : `M${slot * width} ${y}L${(slot + 1) * width} ${y}`;
      drawing = true;
    });
    return path && svg("path", { class: mark, d: path });
  });
}

function legend(series, format) {
  return el("ul", { class: "legend" }, series.map(({ name, key, total }) => el("li", null,
    svg("svg", { viewBox: "0 0 9 9", "aria-hidden": "true" }, svg("rect", { class: key, width: 9, height: 9 })),
    name, total === undefined ? "" : ` ${format(total)}`)));
}

/// What the slots of a chart are: {count, head, name(slot), begin, end}.
function times(history, range) {
  return { count: range.minutes / range.slot, head: "From", name: (slot) => clock(slot_time(history, range, slot)),
    begin: clock(slot_time(history, range, 0)), end: clock(new Date(history.now)), order: (slots) => slots.reverse() };
}

function table_of(series, axis, format) {
  const seen = Array.from({ length: axis.count }, (_, slot) => slot).filter((slot) => series.some(({ values }) => values[slot] !== null));
  return el("table", null,
    el("thead", null, el("tr", null, el("th", { scope: "col" }, axis.head), series.map(({ name }) => el("th", { scope: "col" }, name)))),
    el("tbody", null, axis.order(seen).map((slot) => el("tr", null,
      el("td", null, axis.name(slot)),
      series.map(({ values }) => el("td", null, values[slot] === null ? "" : format(values[slot])))))));
}

/// Lets the pointer and the arrow keys read single slots.
function readable(plot, picture, { series, axis, format }, readout) {
  const { count } = axis;
  const cursor = svg("line", { class: "cursor", y1: 0, y2: kHeight, visibility: "hidden" });
  picture.append(cursor);
  let at = count - 1;
  function read(slot) {
    at = Math.max(0, Math.min(count - 1, slot));
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, ((at + 0.5) * 1000) / count);
    cursor.setAttribute("visibility", "visible");
    const figures = series.map(({ name, values }) => `${name} ${values[at] === null ? "-" : format(values[at])}`);
    readout.textContent = `${axis.name(at)}: ${figures.join(", ")}`;
  }
  function rest() {
    cursor.setAttribute("visibility", "hidden");
    readout.textContent = "";
  }
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    read(Math.floor(((event.clientX - box.left) / box.width) * count));
  });
  plot.addEventListener("pointerleave", rest);
  picture.addEventListener("blur", rest);
  picture.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -count, End: count }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    read(at + step);
  });
}

/// `series`: {name, values (slots), mark (class of the shapes), key (class of the legend), total?}. `axis`: what the slots
/// are, when they are not the minutes of `history` in `range`.
export function chart({ title, unit, kind, series, history, range, axis = times(history, range), format, empty }) {
  const { count } = axis;
  const at_slot = Array.from({ length: count }, (_, slot) => series.map(({ values }) => values[slot] ?? 0));
  const top = ceiling(Math.max(0, ...at_slot.map((some) => (kind === "bars" ? sum(some) : Math.max(0, ...some)))));
  const nothing = at_slot.every((some) => some.every((value) => value === 0));
  const shapes = kind === "bars" ? bars(series, count, top) : lines(series, count, top);
  const picture = svg("svg", {
    viewBox: `0 0 1000 ${kHeight}`, preserveAspectRatio: "none", role: "img", tabindex: 0,
    "aria-label": `${title}, ${unit}. ${nothing ? empty : `Highest: ${format(top)} at most.`} Arrow keys read single values.`,
  }, svg("line", { class: "grid-line", x1: 0, x2: 1000, y1: kHeight / 2, y2: kHeight / 2 }), shapes);
  const readout = el("span", { class: "readout", role: "status" });
  const plot = el("div", { class: "plot" }, picture,
    nothing ? el("div", { class: "none" }, empty) : el("span", { class: "top" }, format(top)));
  readable(plot, picture, { series, axis, format }, readout);
  return el("figure", null,
    el("figcaption", null, el("h2", null, title), readout, el("span", { class: "muted" }, unit)),
    plot,
    el("div", { class: "axis", "aria-hidden": "true" },
      el("span", null, axis.begin), el("span", null, axis.end)),
    legend(series, format),
    el("details", null, el("summary", null, "Figures"), table_of(series, axis, format)));
}
