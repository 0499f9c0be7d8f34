// lists: what a search found, and the owners who must reconnect.

import { call, grant_path } from "./api.js";
import { csv, save } from "./csv.js";
import { chip, count, el, foreign, notice, say, when } from "./dom.js";

const kPage = 100;
const kExportPage = 1000;

export const grant_link = (grant) => `#/grant/${encodeURIComponent(grant.id)}/${encodeURIComponent(grant.app)}`;

function vehicles_of(grant) {
  const shown = grant.vehicles.slice(0, 3).map((vehicle) => el("div", { class: "mono" }, foreign(vehicle)));
  const more = grant.vehicles.length - 3;
  if (more > 0) shown.push(el("div", { class: "muted" }, `and ${more} more`));
  return shown.length ? shown : el("span", { class: "muted" }, "not known yet");
}

function row(grant) {
  const cell = (label, ...content) => el("td", { "data-label": label }, el("div", null, content));
  return el("tr", null,
    cell("User", el("a", { href: grant_link(grant) }, foreign(grant.user))),
    cell("Vehicles", vehicles_of(grant)),
    cell("Status", chip(grant.status)),
    cell("Application", foreign(grant.app)),
    cell("Changed", when(grant.updated_at)));
}

export function grants_table(grants) {
  const names = ["User", "Vehicles", "Status", "Application", "Changed"];
  return el("table", { class: "cards" },
    el("thead", null, el("tr", null, names.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", null, grants.map(row)));
}

/// No such grant, or not one for us: then it is not a grant's id that was typed.
async function by_id(id) {
  try {
    return [await call("GET", grant_path(id))];
  } catch (problem) {
    if ([400, 403, 404].includes(problem.status)) return [];
    throw problem;
  }
}

async function find(text) {
  const query = (name) => call("GET", "grants", { query: { [name]: text, limit: kPage } }).then((page) => page.grants);
  const found = (await Promise.all([query("user"), query("vehicle"), by_id(text)])).flat();
  const unique = new Map(found.map((grant) => [`${grant.app} ${grant.id}`, grant]));
  return [...unique.values()];
}

export async function show_found(stage, text = "") {
  document.getElementById("query").value = text;
  const grants = await find(text);
  if (!stage.current()) return;
  if (grants.length === 1) {
    location.replace(grant_link(grants[0]));
    return;
  }
  const heading = el("h1", { tabindex: -1 }, grants.length ? `${count(grants.length)} grants for ` : "Nothing found for ", foreign(text));
  if (!grants.length) say("Nothing found.");
  stage.draw("Search", el("div", { class: "head" }, heading),
    grants.length ? el("section", null, grants_table(grants))
      : el("section", null, el("p", { class: "empty" }, "The search takes the whole id of a user, a vehicle or a grant, in its own letters."),
        el("p", { class: "empty" }, "Whoever has never connected, or was removed, has no grant.")));
}

async function export_all(app, button) {
  const rows = [["user", "vehicles", "application", "provider_user", "status", "since", "grant"]];
  let cursor = "";
  do {
    const page = await call("GET", "grants", { query: { status: "needs_reauth", limit: kExportPage, cursor, app } });
    for (const grant of page.grants) {
      rows.push([grant.user, grant.vehicles.join(" "), grant.app, grant.provider_user, grant.status, grant.updated_at, grant.id]);
    }
    cursor = page.next_cursor ?? "";
    button.textContent = `Exporting: ${count(rows.length - 1)}`;
  } while (cursor);
  save("owners-who-must-reconnect.csv", csv(rows));
  say(`${count(rows.length - 1)} owners exported.`);
}

function export_button(app) {
  const button = el("button", { type: "button" }, "Export CSV");
  button.addEventListener("click", async () => {
    button.disabled = true;
    await export_all(app(), button).catch((problem) => say(problem.text));
    button.textContent = "Export CSV";
    button.disabled = false;
  });
  return button;
}

function app_choice(stage, choose) {
  const select = el("select", { id: "app" }, el("option", { value: "" }, "all applications"),
    stage.apps.map((app) => el("option", { value: app.name }, app.name)));
  select.addEventListener("change", choose);
  return { select, label: el("label", { class: "unseen", for: "app" }, "Application") };
}

export async function show_reconnect(stage) {
  const list = el("div");
  const more = el("button", { type: "button", class: "more" }, "More");
  let grants = [];
  let cursor = "";
  const choice = app_choice(stage, () => load(true));
  async function load(anew) {
    if (anew) [grants, cursor] = [[], ""];
    const page = await call("GET", "grants", { query: { status: "needs_reauth", limit: kPage, cursor, app: choice.select.value } });
    grants = grants.concat(page.grants);
    cursor = page.next_cursor ?? "";
    more.hidden = !cursor;
    list.replaceChildren(grants.length ? grants_table(grants) : el("p", { class: "empty" }, "Nobody has to."));
  }
  more.addEventListener("click", () => load(false).then(() => say(`${count(grants.length)} shown.`)).catch((problem) => say(problem.text)));
  await load(true);
  stage.draw("Reconnect",
    el("div", { class: "head" }, el("h1", { tabindex: -1 }, "Owners who must reconnect"),
      el("div", { class: "row push" }, stage.apps.length > 1 && [choice.label, choice.select], export_button(() => choice.select.value))),
    notice("", "The provider no longer accepts these grants' refresh tokens. Keyfob cannot mend that: the owner has to consent again. Open one for a link to send."),
    el("section", null, list, more));
}
