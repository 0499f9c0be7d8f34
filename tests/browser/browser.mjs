// A headless Chromium that does what it is told, one JSON line at a time: {"method", "args"} in, {"ok"} or {"error"} out.
// Everything that came over the wire is kept, so that a test can look for what must not be in it.
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";

const require = createRequire(path.join(process.env.KEYFOB_BROWSER_PACKAGES, "package.json"));
const { chromium } = require("playwright-core");

const patience = Number(process.env.KEYFOB_E2E_PATIENCE || 30) * 1000;
const browser = await chromium.launch({
  executablePath: process.env.KEYFOB_CHROMIUM || "/usr/bin/chromium",
  headless: true,
  timeout: patience * 4,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, acceptDownloads: true, locale: "en-GB", timezoneId: "UTC" });
await context.grantPermissions(["clipboard-read", "clipboard-write"]);
context.setDefaultTimeout(patience);
const page = await context.newPage();

const complaints = [];
const wire = [];
page.on("console", (message) => {
  if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
});
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("dialog", (dialog) => {
  complaints.push(`a script opened a dialog: ${dialog.message()}`);
  return dialog.dismiss();
});
page.on("response", (response) => {
  const entry = { url: response.url(), method: response.request().method(), status: response.status(), body: "" };
  wire.push(entry);
  response.text().then((text) => { entry.body = text; }, () => {});
});

const at = (role, name) => (name === undefined ? page.getByRole(role) : page.getByRole(role, { name, exact: true })).first();

const verbs = {
  open: (url) => page.goto(url),
  reload: () => page.reload(),
  click: (role, name) => at(role, name).click(),
  fill: (role, name, text) => at(role, name).fill(text),
  label: (label, text) => page.getByLabel(label, { exact: true }).fill(text),
  select: (role, name, value) => at(role, name).selectOption(value),
  press: (key) => page.keyboard.press(key),
  type: (text) => page.keyboard.type(text),
  sees: (text) => page.getByText(text).first().waitFor({ state: "visible" }),
  misses: (text) => page.getByText(text).first().waitFor({ state: "hidden" }),
  heading: (text) => page.getByRole("heading", { level: 1, name: text, exact: true }).waitFor(),
  text: (selector) => page.locator(selector).first().innerText(),
  count: (selector) => page.locator(selector).count(),
  value: (selector) => page.locator(selector).first().inputValue(),
  wait: (selector) => page.locator(selector).first().waitFor(),
  focused: () => page.evaluate(() => {
    const it = document.activeElement;
    return { tag: it.tagName, text: (it.innerText || it.getAttribute("aria-label") || it.id || "").trim(), id: it.id };
  }),
  run: (script) => page.evaluate(script),
  clipboard: () => page.evaluate(() => navigator.clipboard.readText()),
  size: (width, height) => page.setViewportSize({ width, height }),
  scheme: (colorScheme) => page.emulateMedia({ colorScheme }),
  shot: (file, whole = false) => page.screenshot({ path: file, fullPage: whole, animations: "disabled" }).then(() => file),
  cookies: () => context.cookies(),
  forget: () => context.clearCookies(),
  address: () => page.url(),
  complaints: () => complaints.splice(0),
  wire: () => wire,
  download: async (role, name) => {
    const [file] = await Promise.all([page.waitForEvent("download"), at(role, name).click()]);
    const stream = await file.createReadStream();
    const pieces = [];
    for await (const piece of stream) pieces.push(piece);
    return { name: file.suggestedFilename(), text: Buffer.concat(pieces).toString() };
  },
};

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

answer({ ok: browser.version() });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { method, args } = JSON.parse(line);
  try {
    const value = await verbs[method](...args);
    answer({ ok: value === undefined || typeof value?.url === "function" ? null : value });
  } catch (error) {
    answer({ error: `${error.message}\n--- page\n${await page.locator("body").innerText().catch(() => "")}` });
  }
}
await browser.close();
