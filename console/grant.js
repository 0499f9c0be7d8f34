// grant: one grant: its state in words, what comes next, what can be done about it, and what happened to it.

import { call, grant_path } from "./api.js";
import { confirm_change, offer_text } from "./dialogs.js";
import { chip, el, foreign, notice, say, span, when } from "./dom.js";
import { history_panel } from "./timeline.js";

function fact(name, ...content) {
  return [el("dt", null, name), el("dd", null, content)];
}

/// Why the provider said no, as far as Keyfob knows.
function reason_of(outlook) {
  const refusals = outlook.refusals;
  if (!refusals) return "The provider no longer accepts this grant.";
  const times = refusals.count === 1 ? "once" : `${refusals.count} times`;
  if (refusals.reason === "stranded") {
    return `A refresh was sent whose answer nobody learnt, and the provider has refused the token since (${times}): the new pair was lost on the way.`;
  }
  if (refusals.after_unknown) {
    return `The provider refused the refresh token ${times}, after a refresh whose answer nobody learnt: the new pair may have been lost on the way.`;
  }
  if (!refusals.certain) return `The provider refused the refresh ${times}, in words that Keyfob does not know as a final no.`;
  return `The provider refused the refresh token ${times}. Most often the owner took the access back, or changed the password of the vehicle's account.`;
}

function state_notice(grant, outlook) {
  switch (grant.status) {
    case "needs_reauth":
      return notice("bad", `The owner has to consent again. ${reason_of(outlook)}`, "Send them a consent link: it replaces the pair of this grant.");
    case "suspect":
      return notice("warn", `${reason_of(outlook)} Keyfob asks once more before it believes that, within a minute.`);
    case "revoking":
      return notice("warn", "Being revoked: the provider has not confirmed it yet. Keyfob goes on trying; nobody gets a token meanwhile.");
    case "revoked":
      return notice("", "Revoked: the tokens are gone. A new consent opens it again.");
    default:
      return null;
  }
}

function next_words(grant, outlook) {
  if (outlook.attempt) return ["under way", outlook.attempt.running_for > 0 ? ` for ${span(outlook.attempt.running_for)}` : "", " on node ", el("span", { class: "mono" }, outlook.attempt.node)];
  if (grant.status === "active") return [when(outlook.due_at, { absolute: true }), el("div", { class: "muted" }, "sooner when a caller asks for a token that is about to end")];
  if (grant.status === "suspect" || grant.status === "revoking") return [when(outlook.due_at, { absolute: true })];
  return "not any more";
}

function facts(grant, outlook) {
  const vehicles = el("ul", null, grant.vehicles.map((vehicle) => el("li", { class: "mono" }, foreign(vehicle))));
  const live = grant.status === "active" || grant.status === "suspect";
  const refusals = outlook.refusals;
  return el("section", null, el("h2", null, "State"), el("dl", { class: "facts" },
    fact("Next refresh", next_words(grant, outlook)),
    live && fact("Access token ends", when(grant.access_expires_at, { absolute: true })),
    live && fact("Refresh token ends", when(grant.refresh_expires_at, { absolute: true })),
    live && fact("To be renewed by", when(outlook.renew_by, { absolute: true })),
    fact("Last refreshed", outlook.rotated_at ? when(outlook.rotated_at, { absolute: true }) : "not since it was imported or connected"),
    refusals && fact("Refused", `${refusals.count} × ${refusals.reason}, last `, when(refusals.last_at, { absolute: true })),
    grant.attention && fact("Attention", el("span", { class: "mono" }, grant.attention.reason), grant.attention.vehicle && [" at ", foreign(grant.attention.vehicle)], ", since ", when(grant.attention.since)),
    fact("Vehicles", grant.vehicles.length ? vehicles : "not known yet", outlook.single_select && el("div", { class: "muted" }, "one vehicle only (single select)")),
    fact("Scope", grant.scope ? grant.scope : "the provider did not say"),
    fact("Application", foreign(grant.app)),
    grant.provider_user && fact("User at the provider", el("span", { class: "mono" }, foreign(grant.provider_user))),
    fact("Grant", el("span", { class: "mono" }, grant.id)),
    fact("Version", `generation ${grant.generation}, epoch ${grant.epoch}`),
    fact("Connected", when(grant.created_at, { absolute: true })),
    fact("Changed", when(grant.updated_at, { absolute: true }))));
}

async function refresh(grant) {
  const sure = await confirm_change({
    title: "Refresh now?", action: "Refresh",
    text: ["Keyfob asks the provider for a new token pair. Callers are not interrupted.",
      grant.status === "needs_reauth" ? "The provider has refused this grant before and will most likely do so again." : ""].filter(Boolean),
  });
  if (!sure) return false;
  await call("POST", grant_path(grant.id, "/refresh"), { query: { app: grant.app } });
  say("Refreshed.");
  return true;
}

async function consent_link(grant, outlook) {
  const body = { user: grant.user };
  if (outlook.single_select) body.single_select = true;
  const made = await call("POST", "connect", { query: { app: grant.app }, body });
  await offer_text({
    title: "Consent link", value: made.url, action: "Copy link",
    text: [`For ${grant.user} and nobody else: whoever opens it connects their vehicles to this user. It works once, for ${span(made.expires_in)}.`],
  });
  return true;
}

async function revoke(grant) {
  const sure = await confirm_change({
    title: "Revoke this grant?", action: "Revoke", danger: true,
    text: [`Nobody gets a token for ${grant.user} any more. The provider is told, then the tokens are forgotten. Only a new consent brings it back.`],
    option: "Only forget the tokens here; do not ask the provider",
  });
  if (!sure) return false;
  const answer = await call("DELETE", grant_path(grant.id), { query: { app: grant.app, local: sure.option ? "true" : "" } });
  say(answer.status === "revoking" ? "The provider has not confirmed it yet; Keyfob goes on trying." : "Revoked.");
  return true;
}

function actions(grant, outlook, act) {
  const button = (words, kind, action) => el("button", { type: "button", class: kind, onclick: (event) => act(event.currentTarget, action) }, words);
  const dead = grant.status === "revoked";
  return el("div", { class: "row push" },
    !dead && grant.status !== "revoking" && button("Refresh now", "", () => refresh(grant)),
    button("Copy consent link", grant.status === "needs_reauth" || dead ? "primary" : "", () => consent_link(grant, outlook)),
    !dead && button("Revoke", "danger", () => revoke(grant)));
}

export async function show_grant(stage, id, app = "") {
  const problems = el("div");
  async function load() {
    const query = { app };
    const [grant, outlook] = await Promise.all([call("GET", grant_path(id), { query }), call("GET", grant_path(id, "/outlook"), { query })]);
    const history = await history_panel(grant);
    return { grant, outlook, history };
  }
  async function act(button, action) {
    problems.replaceChildren();
    const name = button.textContent;
    button.disabled = true;
    try {
      if (await action()) draw(await load());
    } catch (problem) {
      if (problem.status === 401) return;
      draw(await load());
      problems.replaceChildren(notice("bad", problem.message, problem.hint));
    } finally {
      button.disabled = false;
      const again = [...document.querySelectorAll(".row.push button")].find((one) => one.textContent === name);
      if (!document.querySelector("dialog[open]")) again?.focus();
    }
  }
  function draw({ grant, outlook, history }) {
    stage.draw(grant.user,
      el("div", { class: "head" }, el("h1", { tabindex: -1 }, foreign(grant.user)), chip(grant.status), actions(grant, outlook, act)),
      problems, state_notice(grant, outlook) ?? "",
      el("div", { class: "two" }, el("div", null, facts(grant, outlook)), history));
  }
  draw(await load());
}
