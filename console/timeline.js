// timeline: what the audit trail says about one grant, newest first.

import { call } from "./api.js";
import { clock, count, day, el, foreign, relative, say } from "./dom.js";

const kPage = 100;

const kWords = {
  "grant.imported": "Imported",
  "grant.connected": "Connected by the owner",
  "consent.begun": "Consent link made",
  "consent.answered": "Owner came back from consent",
  "grant.refreshed": "Refreshed",
  "grant.refresh_asked": "Refresh asked for",
  "grant.suspect": "Refused once; to be confirmed",
  "grant.needs_reauth": "Needs consent again",
  "grant.recovered": "Recovered",
  "grant.expiring": "Will end soon",
  "grant.attention": "Owner should look at something",
  "grant.revoke_asked": "Revocation asked for",
  "grant.revoked": "Revoked",
  "grant.removed": "Record removed",
  "token.disclosed": "Token handed out",
  "token.used": "Token used for calls",
  "request.refused": "Request refused",
};
const kGood = new Set(["grant.connected", "grant.refreshed", "grant.recovered", "grant.imported"]);
const kWarn = new Set(["grant.suspect", "grant.expiring", "grant.attention", "grant.revoked"]);
const kUses = new Set(["token.disclosed", "token.used"]);

function kind_of(entry) {
  if (entry.action === "grant.needs_reauth") return "bad";
  if (entry.outcome && entry.outcome !== "ok") return "bad";
  if (kWarn.has(entry.action)) return "warn";
  return kGood.has(entry.action) ? "good" : "";
}

function item(entry) {
  const at = new Date(entry.at);
  const times = entry.count > 1 ? ` × ${count(entry.count)}` : "";
  const meta = [clock(at, true), ` (${relative(at)})`];
  if (entry.actor && entry.actor !== "keyfob") meta.push(", by ", foreign(entry.actor));
  if (entry.outcome && entry.outcome !== "ok") meta.push(", ", el("span", { class: "mono" }, entry.outcome));
  if (entry.subject) meta.push(", ", foreign(entry.subject));
  if (entry.request_id) meta.push(", request ", el("span", { class: "mono" }, foreign(entry.request_id)));
  return el("li", { class: kind_of(entry) },
    el("div", { class: "what" }, kWords[entry.action] ?? entry.action, times),
    el("div", { class: "meta" }, meta));
}

function items(entries) {
  let present = "";
  return entries.flatMap((entry) => {
    const of_day = day(new Date(entry.at));
    const heading = of_day !== present ? [el("li", { class: "day" }, of_day)] : [];
    present = of_day;
    return [...heading, item(entry)];
  });
}

export async function history_panel(grant) {
  const list = el("ol", { class: "timeline" });
  const uses = el("input", { type: "checkbox", id: "uses" });
  const more = el("button", { type: "button", class: "more" }, "Older");
  let entries = [];
  let cursor = "";
  function draw() {
    const shown = entries.filter((entry) => uses.checked || !kUses.has(entry.action));
    list.replaceChildren(...(shown.length ? items(shown) : [el("li", { class: "day" }, "Nothing is on record.")]));
    more.hidden = !cursor;
  }
  async function load() {
    const page = await call("GET", "audit", { query: { subject: grant.id, app: grant.app, limit: kPage, cursor } });
    entries = entries.concat(page.entries);
    cursor = page.next_cursor ?? "";
    draw();
  }
  uses.addEventListener("change", draw);
  more.addEventListener("click", () => load().then(() => say(`${count(entries.length)} entries.`)).catch((problem) => say(problem.text)));
  await load();
  return el("section", null,
    el("div", { class: "head" }, el("h2", null, "History"),
      el("label", { class: "push row", for: "uses" }, uses, "Show uses of the token")),
    list, more);
}
