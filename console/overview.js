// overview: is anything wrong, what does this node do, and who has to reconnect.

import { call } from "./api.js";
import { chart, kRanges, last, most, slots, sum } from "./charts.js";
import { clock, count, day, el, notice, span } from "./dom.js";
import { grants_table } from "./lists.js";

const kEvery = 15000;

/// What each class of failure is, in the order in which somebody has to do something about it.
const kFailures = [
  ["configuration", "credentials refused", "c3"],
  ["store", "store refused the pair", "c8"],
  ["refused", "token refused", "c1"],
  ["suspicious", "unclear refusal", "c2"],
  ["throttled", "too many (429)", "c4"],
  ["transient", "provider error", "c5"],
  ["unknown", "outcome unknown", "c7"],
  ["unsent", "not sent", "c6"],
];

const latency = (seconds) => (seconds >= 10 ? `${seconds.toFixed(0)} s` : seconds >= 1 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds * 1000)} ms`);
const lag = (seconds) => (seconds > 0 ? span(seconds) : "0");

function failure_series(history, range) {
  const known = kFailures.filter(([name]) => history.failed[name]);
  return known.map(([name, words, mark]) => {
    const values = slots(history, history.failed[name], range, sum);
    return { name: words, values, mark, key: mark, total: sum(values.map((value) => value ?? 0)) };
  }).filter(({ total }) => total > 0);
}

function charts(history, range) {
  const refreshed = slots(history, history.refreshed, range, sum);
  const unit = range.slot === 1 ? "per minute" : `per ${range.slot} minutes`;
  const common = { history, range };
  return el("div", { class: "charts" },
    chart({ ...common, title: "Refreshes", unit, kind: "bars", format: count, empty: "No refresh in this time",
      series: [{ name: "token pairs replaced", values: refreshed, mark: "bar", key: "bar", total: sum(refreshed.map((v) => v ?? 0)) }] }),
    chart({ ...common, title: "Failures by class", unit, kind: "bars", format: count, empty: "No failure in this time",
      series: failure_series(history, range) }),
    chart({ ...common, title: "Time to refresh", unit: "answer of the token endpoint", kind: "lines", format: latency, empty: "No refresh in this time",
      series: [
        { name: "half are faster", values: slots(history, history.p50, range, most), mark: "line-1", key: "key-line-1" },
        { name: "95 % are faster", values: slots(history, history.p95, range, most), mark: "line-2", key: "key-line-2" }] }),
    chart({ ...common, title: "Grants waiting for a refresh", unit: "due now", kind: "lines", format: count, empty: "None is waiting",
      series: [{ name: "in the queue", values: slots(history, history.due, range, last), mark: "line-1", key: "key-line-1" }] }));
}

/// Slot 0 is what is late already, the others are days.
function renewals_chart({ at, renewals }) {
  const name = (slot) => (slot === 0 ? "overdue" : day(new Date(Date.parse(at) + (slot - 1) * 86400000)));
  const days = [null, ...renewals.days];
  return chart({
    title: "Expiring grants", unit: "by the day on which they have to be renewed", kind: "bars", format: count,
    empty: "None has to be renewed within thirty days",
    axis: { count: days.length, head: "Day", name, begin: "overdue, today", end: name(days.length - 1), order: (slots) => slots },
    series: [
      { name: "overdue", values: days.map((_, slot) => (slot === 0 ? renewals.overdue : null)), mark: "c1", key: "c1", total: renewals.overdue },
      { name: "within thirty days", values: days, mark: "bar", key: "bar", total: sum(renewals.days) }] });
}

const kStatuses = [["active", "Active", ""], ["suspect", "Being confirmed", "warn"], ["needs_reauth", "Must reconnect", "warn"],
  ["revoking", "Being revoked", ""], ["revoked", "Revoked", ""]];

/// All nodes' grants; nothing for whoever sees one application only.
function census_panel(census) {
  if (census === null) return null;
  return el("section", null, el("div", { class: "head" }, el("h2", null, "Grants")),
    el("dl", { class: "tiles" }, kStatuses.map(([status, words, kind]) =>
      tile(words, count(census.grants[status]), census.grants[status] > 0 ? kind : ""))),
    el("div", { class: "charts" }, renewals_chart(census)));
}

function tile(name, value, kind = "", small = "") {
  return el("div", { class: `tile ${kind}` }, el("dt", null, name), el("dd", null, value, small && el("small", null, ` ${small}`)));
}

function last_hour(history, values) {
  return sum(slots(history, values, kRanges["1 h"], sum).map((value) => value ?? 0));
}

function tiles(history, status) {
  const failed = sum(Object.values(history.failed).map((values) => last_hour(history, values)));
  const behind = last(history.lag);
  return el("dl", { class: "tiles" },
    tile("Refreshed, last hour", count(last_hour(history, history.refreshed))),
    tile("Failed, last hour", count(failed), failed > 0 ? "warn" : ""),
    tile("Calls, last hour", count(last_hour(history, history.calls))),
    tile("Under way", count(status.flights)),
    tile("Waiting", count(last(history.due))),
    tile("Behind keep-alive", lag(behind), behind > 3600 ? "bad" : behind > 0 ? "warn" : ""),
    tile("Pairs in the spool", count(status.spooled), status.spooled > 0 ? "bad" : ""));
}

/// What somebody has to do something about.
function verdicts(history, status) {
  const out = [];
  if (!status.ready) out.push(notice("bad", "This node is starting or stopping and accepts no requests."));
  for (const app of status.suspended) {
    out.push(notice("bad", `${app} is suspended: the provider refuses the application's own credentials.`,
      `Set the right one: keyfob app set ${app} --client-secret -`));
  }
  if (status.spooled > 0) {
    out.push(notice("bad", `${count(status.spooled)} token pairs are only in this node's spool: the store did not take them.`,
      "Nothing is lost while this node's disk lives. Look at the store: its disk, its locks, its connections."));
  }
  const behind = last(history.lag);
  if (behind > 3600) {
    out.push(notice("bad", `Keep-alive is ${span(behind)} behind: grants that nobody uses will end if this goes on for days.`,
      "Which application, and why: docs/reference/metrics.md, \"What to alarm on\"."));
  }
  if (out.length === 0) out.push(notice("good", "Nothing is stuck on this node, and no application is suspended."));
  return out;
}

function reconnect_panel(page) {
  const more = page.next_cursor !== null;
  return el("section", null,
    el("div", { class: "head" }, el("h2", null, "Owners who must reconnect"),
      page.grants.length > 0 && el("a", { class: "push", href: "#/reconnect" }, more ? "All of them, and export" : "Export")),
    page.grants.length > 0 ? grants_table(page.grants) : el("p", { class: "empty" }, "Nobody: every grant works or waits for its next refresh."));
}

function segments(present, choose) {
  return el("div", { class: "segments push", role: "group", "aria-label": "Time shown" }, Object.keys(kRanges).map((name) =>
    el("button", { type: "button", "aria-pressed": String(name === present), onclick: () => choose(name) }, name)));
}

export async function show_overview(stage) {
  let range = "1 h";
  let timer = 0;
  const body = el("div");
  const since = el("span", { class: "muted" });
  const choice = el("div", { class: "push" });
  let seen = null;
  function redraw() {
    const started = new Date(seen.history.since);
    since.textContent = `this node, version ${seen.status.version}, since ${day(started)}, ${clock(started)}`;
    choice.replaceChildren(segments(range, choose));
    body.replaceChildren(...verdicts(seen.history, seen.status), tiles(seen.history, seen.status),
      charts(seen.history, kRanges[range]), ...[census_panel(seen.census)].filter(Boolean), reconnect_panel(seen.waiting));
  }
  function choose(name) {
    range = name;
    redraw();
    choice.querySelector("[aria-pressed=true]").focus();
  }
  async function load() {
    const [history, status, waiting, census] = await Promise.all([call("GET", "history"), call("GET", "status"),
      call("GET", "grants", { query: { status: "needs_reauth", limit: 5 } }), call("GET", "census").catch(() => null)]);
    seen = { history, status, waiting, census };
  }
  /// Not under somebody's hands: an open table or a chart that is being read stays as it is.
  const in_use = () => document.hidden || body.contains(document.activeElement) || body.querySelector("details[open], figure:hover");
  async function again() {
    if (!in_use()) await load().then(() => stage.current() && redraw()).catch(() => {});
    if (stage.current()) timer = setTimeout(again, kEvery);
  }
  await load();
  redraw();
  stage.on_leave(() => clearTimeout(timer));
  stage.draw("Overview", el("div", { class: "head" }, el("h1", { tabindex: -1 }, "Overview"), since, choice), body);
  timer = setTimeout(again, kEvery);
}
