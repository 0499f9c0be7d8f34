// dialogs: questions before something is changed, and a text to take away. The browser's own dialog keeps the focus.

import { el, say } from "./dom.js";

function open(dialog) {
  const before = document.activeElement;
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus?.();
  });
  dialog.showModal();
}

/// Resolves with null when the answer is no, else with whether `option` was ticked.
export function confirm_change({ title, text, action, danger = false, option = "" }) {
  return new Promise((resolve) => {
    const check = el("input", { type: "checkbox" });
    const yes = el("button", { type: "button", class: danger ? "danger" : "primary" }, action);
    const no = el("button", { type: "button", autofocus: true }, "Cancel");
    const dialog = el("dialog", { "aria-labelledby": "dialog-title" },
      el("h2", { id: "dialog-title" }, title),
      text.map((paragraph) => el("p", null, paragraph)),
      option ? el("label", { class: "check" }, check, el("span", null, option)) : null,
      el("div", { class: "actions" }, no, yes));
    let answer = null;
    yes.addEventListener("click", () => {
      answer = { option: check.checked };
      dialog.close();
    });
    no.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => resolve(answer));
    open(dialog);
  });
}

/// Without the clipboard's permission, or without TLS, the old way.
async function copy(area) {
  try {
    await navigator.clipboard.writeText(area.value);
    return true;
  } catch {
    area.select();
    return document.execCommand("copy");
  }
}

/// Resolves when it is closed.
export function offer_text({ title, text, value, action }) {
  const area = el("textarea", { readonly: true, rows: 5, "aria-label": title });
  area.value = value;
  const take = el("button", { type: "button", class: "primary", autofocus: true }, action);
  const done = el("button", { type: "button" }, "Close");
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" },
    el("h2", { id: "dialog-title" }, title),
    text.map((paragraph) => el("p", null, paragraph)),
    area,
    el("div", { class: "actions" }, done, take));
  take.addEventListener("click", async () => {
    const copied = await copy(area);
    take.textContent = copied ? "Copied" : "Select and copy it";
    if (copied) say("Copied.");
  });
  done.addEventListener("click", () => dialog.close());
  return new Promise((resolve) => {
    dialog.addEventListener("close", resolve);
    open(dialog);
  });
}
