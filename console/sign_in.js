// sign_in: an API key for a session. The key is not kept: the server answers with a cookie that scripts cannot read.

import { session } from "./api.js";
import { el, notice } from "./dom.js";

export function sign_in_form(reason, entered) {
  const key = el("input", {
    id: "api-key", type: "password", autocomplete: "current-password", required: true, spellcheck: "false",
    "aria-describedby": "sign-in-error",
  });
  const error = el("p", { id: "sign-in-error", class: "error", role: "alert" });
  const button = el("button", { type: "submit", class: "primary" }, "Sign in");
  async function submit(event) {
    event.preventDefault();
    error.textContent = "";
    button.disabled = true;
    try {
      const caller = await session.begin(key.value.trim());
      key.value = "";
      await entered(caller);
    } catch (problem) {
      error.textContent = problem.text;
      key.focus();
      key.select();
    } finally {
      button.disabled = false;
    }
  }
  const form = el("form", { onsubmit: submit },
    el("label", { for: "api-key" }, "API key of an admin"), key, error, button);
  return el("div", { class: "panel sign-in" },
    el("h1", { tabindex: -1 }, "Keyfob"),
    reason ? notice("warn", reason) : el("p", { class: "muted" }, "Console for whoever is on call."),
    form,
    el("p", { class: "muted" }, "A new one: ", el("span", { class: "mono" }, "keyfob caller add NAME --allow admin")));
}
