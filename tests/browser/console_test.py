#!/usr/bin/env python3
"""The console as somebody on call uses it: in a real browser, over the real daemon."""

import re
import time
import urllib.parse

import browser as driver
from console_case import ConsoleCase
from browser import harness
from harness import APP, CLIENT_ID, eventually

ATTACKS = ["<img src=x onerror=alert(1)>", '"><script>alert(2)</script>', "<svg/onload=alert(3)>", "javascript:alert(4)",
           "{{constructor.constructor('alert(5)')()}}", "';alert(6)//", "<a href=javascript:alert(7)>x</a>", "\u202eevil\u202c",
           "&lt;b&gt;bold&lt;/b&gt;", "=HYPERLINK(\"http://evil\")"]


class SignIn(ConsoleCase):
    def test_a_wrong_key_is_refused_and_the_answer_does_not_tell_why(self):
        self.page.open(self.console)
        wrong = self.key[:-1] + ("a" if self.key[-1] != "a" else "b")
        said = set()
        for key in (wrong, "kf_" + "a" * 16 + "_" + "b" * 43, "password"):
            self.page.label("API key of an admin", key)
            self.page.click("button", "Sign in")
            self.page.sees("no API key that is valid here")
            said.add(self.page.text("#sign-in-error"))
        self.assertEqual(len(said), 1, said)
        answers = {entry["body"] for entry in self.page.wire() if entry["method"] == "POST"}
        self.assertEqual(len(answers), 1, answers)
        self.assertEqual(self.page.cookies(), [])

    def test_a_caller_that_is_no_admin_is_told_so(self):
        self.page.open(self.console)
        self.page.label("API key of an admin", self.world.api_key)
        self.page.click("button", "Sign in")
        self.page.sees("callers with the permission admin")

    def test_the_key_becomes_a_cookie_that_no_script_can_read_and_signing_out_ends_it(self):
        self.sign_in()
        [cookie] = self.page.cookies()
        self.assertEqual((cookie["path"], cookie["httpOnly"], cookie["sameSite"]), ("/console", True, "Strict"))
        self.assertEqual(self.page.run("document.cookie"), "")
        kept = self.page.run("JSON.stringify([localStorage, sessionStorage, document.documentElement.outerHTML])")
        self.assertNotIn(self.key, kept)
        self.page.reload()
        self.page.heading("Overview")
        self.page.click("button", "Sign out")
        self.page.sees("You are signed out.")
        again = harness.exchange(self.world.daemon.origin, "GET", "/console/api/status",
                                 headers={"Keyfob-Console": "1", "Cookie": f"keyfob_console={cookie['value']}"})
        self.assert_answer(again, 401, "unauthenticated")
        actions = [entry["action"] for entry in self.world.api("GET", "/v1/audit", key=self.key).json["entries"]]
        self.assertIn("console.signed_in", actions)

    def test_a_caller_that_is_disabled_is_out_within_max_staleness(self):
        self.sign_in()
        self.world.cli_ok("caller", "disable", "anna")
        def out():
            self.page.open(self.console + "#/reconnect")
            self.page.reload()
            return self.page.run("new Promise((done) => setTimeout(() => done(!!document.querySelector('.sign-in')), 300))")
        eventually(out, "the session is over")


class Page(harness.Case):
    def test_the_commands_of_docs_console_run(self):
        block = re.search(r"```sh\n(.*?)```", (driver.ROOT / "docs" / "console.md").read_text(), re.DOTALL)[1]
        for line in block.splitlines():
            done = self.world.cli(*line.split("#")[0].split()[1:])
            self.assertEqual(done.code, 0, done)


class Actions(ConsoleCase):
    def test_search_refresh_consent_link_and_revoke(self):
        pair = self.world.import_grant("driver-17")
        self.world.import_grant("driver-18")
        self.sign_in()
        for text in ("driver-17", pair["vehicle"], pair["grant"], "  driver-17 "):
            self.find(text)
            self.page.heading("driver-17")
            self.page.sees("Next refresh")
            self.page.click("link", "Overview")
            self.page.heading("Overview")
        self.find("driver-17")
        self.page.heading("driver-17")
        self.page.click("button", "Refresh now")
        self.page.click("button", "Cancel")
        self.assertEqual(self.generation(pair), 1)
        self.page.click("button", "Refresh now")
        self.page.click("button", "Refresh")
        self.page.sees("Refreshed.")
        self.assertEqual(self.generation(pair), 2)
        self.page.sees("Refresh asked for")
        self.page.sees("generation 2")
        self.page.click("button", "Copy consent link")
        self.page.click("button", "Copy link")
        self.page.sees("Copied.")
        link = urllib.parse.urlsplit(self.page.clipboard())
        self.assertTrue(urllib.parse.parse_qs(link.query)["state"])
        self.page.click("button", "Close")
        self.page.click("button", "Revoke")
        self.page.wait("dialog")
        self.page.press("Escape")
        self.page.misses("Revoke this grant?")
        self.assertEqual(self.world.grant(pair["grant"])["status"], "active")
        self.dialog("Revoke")
        self.page.sees("Revoked.")
        self.assertEqual(self.world.grant(pair["grant"])["status"], "revoked")
        self.page.sees("the tokens are gone")

    def test_nothing_found_and_several_found(self):
        owner = self.sim.post("users", vehicles=1)
        car = [v["id"] for v in owner["vehicles"]]
        for user in ("ann", "bob"):
            self.world.import_grant(user, pair=self.sim.issue(user=owner["id"], client_id=CLIENT_ID, vehicles=car))
        self.sign_in()
        self.find("nobody")
        self.page.heading("Nothing found for nobody")
        self.find(car[0])
        self.page.heading(f"2 grants for {car[0]}")
        self.page.click("link", "bob")
        self.page.heading("bob")

    def test_why_it_needs_consent_the_list_of_owners_and_its_export(self):
        pair = self.refuse_refresh("driver-1")
        self.world.import_grant("driver-2")
        self.sign_in()
        self.page.sees("Owners who must reconnect")
        self.page.click("link", "Reconnect")
        self.page.heading("Owners who must reconnect")
        self.page.wait("table.cards tbody tr")
        self.assertEqual(self.page.count("table.cards tbody tr"), 1)
        file = self.page.download("button", "Export CSV")
        head, *rows = file["text"].strip().split("\r\n")
        self.assertEqual(head, "user,vehicles,application,provider_user,status,since,grant")
        self.assertEqual([row.split(",")[0] for row in rows], ["driver-1"])
        self.page.click("link", "driver-1")
        self.page.sees("The owner has to consent again.")
        self.page.sees("Needs consent again")
        self.page.click("button", "Refresh now")
        self.page.click("button", "Refresh")
        self.page.wait(".notice.bad[role=alert]")
        self.assertEqual(self.world.grant(pair["grant"])["status"], "needs_reauth")

    def test_the_charts_show_what_this_node_did(self):
        pair = self.world.import_grant("ann")
        self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh")
        self.sign_in()
        self.page.sees("token pairs replaced 1")
        self.page.run("document.querySelector('figure svg[tabindex]').focus()")
        self.page.press("ArrowRight")
        self.assertIn("token pairs replaced 1", self.page.text(".readout"))
        for name in ("6 h", "24 h"):
            self.page.click("button", name)
            self.page.sees("token pairs replaced 1")

    def test_grants_by_status_and_by_the_day_on_which_they_have_to_be_renewed(self):
        soon, late = self.world.import_grant("soon")["grant"], self.world.import_grant("late")["grant"]
        self.world.import_grant("well")
        gone = self.world.import_grant("gone")["grant"]
        self.world.api("DELETE", f"/v1/grants/{gone}")
        self.world.daemon.stop()
        now = int(time.time() * 1000)
        self.world.sql("UPDATE grants SET renew_by = ? WHERE grant_id = ?", now + 3 * 86400000 + 7200000, soon)
        self.world.sql("UPDATE grants SET renew_by = ?, due_at = ? WHERE grant_id = ?", now - 60000, now + 86400000, late)
        self.world.serve()
        self.sign_in()
        self.page.sees("Expiring grants")
        tiles = self.page.run("[...document.querySelectorAll('section .tiles .tile')].map((t) => t.innerText.replace(/\\s+/g, ' ').toUpperCase())")
        self.assertEqual(tiles, ["ACTIVE 3", "BEING CONFIRMED 0", "MUST RECONNECT 0", "BEING REVOKED 0", "REVOKED 1"])
        self.page.sees("overdue 1")
        rows = self.page.run("[...document.querySelectorAll('section figure tbody tr')].map((r) => [...r.cells].map((c) => c.textContent))")
        self.assertEqual(rows[0], ["overdue", "1", ""])
        self.assertEqual([i for i, row in enumerate(rows) if row[2] not in ("", "0")], [4], rows)
        self.page.run("document.querySelector('section figure svg[tabindex]').focus()")
        self.page.press("Home")
        self.assertIn("overdue 1", self.page.text("section .readout"))

    def test_an_applications_admin_sees_that_application_and_no_other(self):
        self.world.add_app("another")
        self.world.import_grant("ann")
        key = self.world.add_caller("bert", "admin", app="another")
        self.sign_in(key)
        self.assertIn("another", self.page.text("#who"))
        self.assertNotIn("Expiring grants", self.page.text("main"), "counts are of the whole installation")
        self.find("ann")
        self.page.heading("Nothing found for ann")


class Looks(ConsoleCase):
    def views(self, pair):
        return ["#/", "#/reconnect", f"#/grant/{pair['grant']}/{APP}", "#/find/nobody"]

    def test_a_narrow_screen_does_not_scroll_sideways(self):
        pair = self.world.import_grant("a-user-with-a-very-long-name-" + "x" * 120)
        self.page.size(360, 740)
        self.page.open(self.console)
        self.page.wait("#api-key")
        self.no_scrolling_sideways("signing in")
        self.sign_in()
        for view in self.views(pair):
            self.page.open(self.console + view)
            self.page.wait("h1")
            self.page.wait("section")
            self.no_scrolling_sideways(view)

    def test_light_and_dark_are_readable(self):
        pair = self.refuse_refresh("driver-1")
        self.sign_in()
        seen = set()
        for scheme in ("light", "dark"):
            self.page.scheme(scheme)
            self.page.open(f"{self.console}#/grant/{pair['grant']}/{APP}")
            self.page.wait(".timeline li")
            pale = lambda: [what for what in self.page.run(CONTRASTS) if what["ratio"] < 4.5]  # noqa: E731
            eventually(lambda: not pale(), f"colours have turned {scheme}, and each can be read", 5)
            seen.add(self.page.run("getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(len(seen), 2)

    def test_names_are_shown_as_they_are_and_never_run(self):
        for i, name in enumerate(ATTACKS):
            self.world.import_grant(name, pair=self.sim.issue(client_id=CLIENT_ID) | {"vehicles": [f"{name}-{i}"]})
        self.sign_in()
        for i, name in enumerate(ATTACKS):
            self.find(name)
            self.page.heading(name)
            self.assertIn(f"{name}-{i}", self.page.text("dl.facts"))
            self.page.click("button", "Revoke")
            self.assertIn(name, self.page.text("dialog"))
            self.page.press("Escape")
        self.find(f"{ATTACKS[0]}-0<script>alert(8)</script>")
        self.page.heading(f"Nothing found for {ATTACKS[0]}-0<script>alert(8)</script>")
        self.page.open(self.console + "#/find/" + urllib.parse.quote("<img src=x onerror=alert(9)>"))
        self.page.open(self.console + "#/<img src=x onerror=alert(10)>/%zz")
        self.page.heading("Overview")
        self.assertEqual(self.page.count("img, iframe, object, script:not([src])"), 0)


class Keyboard(ConsoleCase):
    def tab_to(self, text, most=40):
        for _ in range(most):
            if self.page.focused()["text"] == text:
                return
            self.page.press("Tab")
        self.fail(f"Tab never comes to {text!r}; it is at {self.page.focused()}")

    def test_everything_can_be_done_without_a_mouse(self):
        pair = self.world.import_grant("driver-17")
        self.page.open(self.console)
        self.page.wait("#api-key")
        self.assertEqual(self.page.focused()["id"], "api-key")
        self.page.type(self.key)
        self.page.press("Enter")
        self.page.heading("Overview")
        self.page.press("/")
        self.assertEqual(self.page.focused()["id"], "query")
        self.page.type("driver-17")
        self.page.press("Enter")
        self.page.heading("driver-17")
        self.assertEqual(self.page.focused()["text"], "driver-17")
        self.tab_to("Refresh now")
        self.page.press("Enter")
        self.page.wait("dialog[open]")
        self.assertEqual(self.page.focused()["text"], "Cancel")
        self.tab_to("Refresh", 4)
        self.page.press("Enter")
        self.page.sees("Refreshed.")
        self.assertEqual(self.generation(pair), 2)
        eventually(lambda: self.page.focused()["text"] == "Refresh now", "the page that was drawn anew has the focus back")
        self.page.press("Enter")
        self.page.press("Escape")
        self.page.misses("Refresh now?")
        self.assertEqual(self.page.focused()["text"], "Refresh now")
        self.assertEqual(self.generation(pair), 2)


CONTRASTS = """(() => {
  const parse = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (rgb) => rgb.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/rgba\\(.*, 0\\)|transparent/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const out = [];
  for (const node of document.querySelectorAll("h1, h2, dt, dd, a, button, .chip, .notice p, .meta, .what, .day, #who")) {
    if (!node.innerText.trim() || !node.checkVisibility() || node.matches(".skip")) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(parse(ground(node)))].sort((x, y) => y - x);
    out.push({ text: node.innerText.slice(0, 40), ratio: (a + 0.05) / (b + 0.05), colour: getComputedStyle(node).color, ground: ground(node) });
  }
  return out;
})()"""


if __name__ == "__main__":
    harness.main()
