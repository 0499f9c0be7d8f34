// main: who is signed in, which view is shown, and what all views share.

import { call, kSignedOut, session } from "./api.js";
import { el, notice, say } from "./dom.js";
import { show_grant } from "./grant.js";
import { show_found, show_reconnect } from "./lists.js";
import { show_overview } from "./overview.js";
import { sign_in_form } from "./sign_in.js";

const main = document.getElementById("main");
const top_bar = document.getElementById("top");
const query = document.getElementById("query");
const state = { caller: null, apps: [], visit: 0, leave: null };

const kViews = {
  "": ["overview", show_overview],
  reconnect: ["reconnect", show_reconnect],
  find: ["find", show_found],
  grant: ["grant", show_grant],
};

/// "#/grant/ID" -> ["grant", "ID"]
function place() {
  return location.hash.replace(/^#\/?/, "").split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}

function mark(view) {
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function leave_view() {
  state.visit += 1;
  state.leave?.();
  state.leave = null;
}

function put(title, ...nodes) {
  document.title = title ? `${title} · Keyfob` : "Keyfob";
  main.replaceChildren(...nodes);
}

/// What a view gets: where to draw, what it may ask, and whether it is still the one that is shown.
function stage(visit) {
  return {
    caller: state.caller,
    apps: state.apps,
    draw(title, ...nodes) {
      if (visit !== state.visit) return;
      put(title, ...nodes);
      main.querySelector("h1")?.focus({ preventScroll: true });
    },
    current: () => visit === state.visit,
    on_leave(action) { state.leave = action; },
  };
}

async function route() {
  leave_view();
  if (!state.caller) return;
  const visit = state.visit;
  const [name, ...rest] = place();
  const [view, show] = kViews[name] ?? kViews[""];
  mark(view);
  if (view !== "find") query.value = "";
  window.scrollTo(0, 0);
  try {
    await show(stage(visit), ...rest);
  } catch (problem) {
    if (visit !== state.visit || problem.status === 401) return;
    put("Problem", el("h1", { tabindex: -1 }, "That did not work"), notice("bad", problem.message, problem.hint));
  }
}

async function enter(caller) {
  state.caller = caller;
  const { apps } = await call("GET", "apps");
  state.apps = apps;
  const own = apps.find((app) => app.id === caller.app);
  document.getElementById("who").textContent = own ? `${caller.name} (${own.name})` : caller.name;
  top_bar.hidden = false;
  await route();
}

function show_sign_in(reason) {
  leave_view();
  state.caller = null;
  top_bar.hidden = true;
  put("Sign in", sign_in_form(reason, enter));
  main.querySelector("input").focus();
}

async function sign_out() {
  await session.end().catch(() => {});
  location.hash = "#/";
  show_sign_in("You are signed out.");
}

function find(event) {
  event.preventDefault();
  const wanted = query.value.trim();
  if (!wanted) return query.focus();
  const target = `#/find/${encodeURIComponent(wanted)}`;
  if (location.hash === target) route();
  else location.hash = target;
}

function shortcut(event) {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "");
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (event.key !== "/" || typing || !plain || top_bar.hidden || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  query.focus();
  query.select();
}

window.addEventListener("hashchange", route);
window.addEventListener(kSignedOut, () => {
  if (state.caller) show_sign_in("Your session has ended. Sign in again to go on where you were.");
});
document.addEventListener("keydown", shortcut);
document.getElementById("search").addEventListener("submit", find);
document.getElementById("sign-out").addEventListener("click", sign_out);
document.getElementById("skip").addEventListener("click", () => main.focus());

session.who().then(enter).catch((problem) => {
  show_sign_in(problem.status === 401 ? "" : problem.text);
  if (problem.status !== 401) say(problem.message);
});
