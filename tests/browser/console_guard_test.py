#!/usr/bin/env python3
"""What the console refuses, what it never shows, and that it stays quick in a big installation."""

import http.server
import json
import os
import threading
import time
import urllib.parse

from console_case import ConsoleCase
from browser import harness

GRANTS = int(os.environ.get("KEYFOB_CONSOLE_GRANTS", "100000"))  # behind the search; 1000000 in `make soak`


class Expiry(ConsoleCase):
    config = {("console", "idle"): '"2s"'}

    def test_a_session_that_is_over_asks_for_the_key_and_goes_on_where_it_was(self):
        self.world.import_grant("driver-17")
        self.sign_in()
        time.sleep(2.5)
        self.find("driver-17")
        self.page.sees("Your session has ended.")
        self.page.label("API key of an admin", self.key)
        self.page.click("button", "Sign in")
        self.page.heading("driver-17")

    def test_a_restart_ends_every_session(self):
        self.sign_in()
        self.world.restart()
        self.page.open(self.console)
        self.page.wait("#api-key")


class Evil(http.server.BaseHTTPRequestHandler):
    """A page of another port of the same host: the same site for cookies, another origin."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><body>evil")

    def log_message(self, *_):
        pass


FORGE = """(async () => {
  const target = %s;
  const out = [];
  for (const options of [{ mode: "no-cors" }, { mode: "cors" }, { mode: "cors", headers: { "Keyfob-Console": "1" } }]) {
    for (const method of ["POST", "DELETE"]) {
      await fetch(target + (method === "POST" ? "/refresh" : ""), { method, credentials: "include", ...options })
        .then((answer) => out.push(answer.status), () => out.push("refused"));
    }
  }
  return out;
})()"""


class Forgery(ConsoleCase):
    def test_a_page_of_another_origin_cannot_act_for_whoever_is_signed_in(self):
        pair = self.world.import_grant("driver-17")
        self.sign_in()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.page.open(f"http://127.0.0.1:{server.server_port}/")
        target = f"{self.console}api/grants/{pair['grant']}"
        answers = self.page.run(FORGE % json.dumps(target))
        self.assertTrue(all(answer in (0, "refused") for answer in answers), answers)
        self.page.run(f"document.body.innerHTML = '<form method=post action=\"{target}/refresh\"></form>'; document.forms[0].submit()")
        self.page.sees("does not come from the console")
        grant = self.world.grant(pair["grant"])
        self.assertEqual((grant["status"], grant["generation"]), ("active", 1))
        self.expected_complaints += "|CORS|net::ERR_FAILED|ERR_BLOCKED_BY_RESPONSE"

    def test_it_cannot_be_put_into_a_frame(self):
        for path in ("", "main.js", "api/status"):
            answer = harness.exchange(self.world.daemon.origin, "GET", f"/console/{path}")
            policy = answer.headers["content-security-policy"]
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertEqual(answer.headers["x-frame-options"], "DENY")


class Reach(ConsoleCase):
    config = {("server", "public_listen"): '["127.0.0.1:0"]', ("server", "public_url"): '"http://127.0.0.1:1"'}

    def public_ports(self):
        """Every port that the daemon listens on beside the private one."""
        wanted = {line.split()[9] for name in ("tcp", "tcp6") for line in open(f"/proc/net/{name}").readlines()[1:]
                  if line.split()[3] == "0A"} & self.sockets()
        ports = {int(line.split()[1].split(":")[1], 16) for line in open("/proc/net/tcp").readlines()[1:]
                 if line.split()[9] in wanted}
        return ports - {urllib.parse.urlsplit(self.world.daemon.origin).port}

    def sockets(self):
        folder = f"/proc/{self.world.daemon.pid}/fd"
        found = set()
        for name in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{name}")
            except OSError:
                continue
            if target.startswith("socket:["):
                found.add(target[8:-1])
        return found

    def test_it_is_not_served_on_the_public_side(self):
        ports = self.public_ports()
        self.assertTrue(ports)
        for port in ports:
            for method, path in (("GET", "/console/"), ("GET", "/console"), ("POST", "/console/session"), ("GET", "/console/api/status"),
                                 ("GET", "/console/main.js")):
                answer = harness.exchange(f"http://127.0.0.1:{port}", method, path, headers={"Keyfob-Console": "1"})
                self.assertEqual((answer.status, answer.code), (404, "no_route"), f"{method} {path}: {answer}")


class Off(ConsoleCase):
    config = {("console", "enabled"): "false"}

    def test_it_can_be_switched_off(self):
        answer = self.world.api("GET", "/console/")
        self.assertEqual(answer.status, 404, answer)


class Secrets(ConsoleCase):
    def test_no_answer_holds_a_token_or_a_key(self):
        pair = self.world.import_grant("driver-17")
        self.refuse_refresh("driver-18")
        self.sign_in()
        self.find("driver-17")
        self.page.heading("driver-17")
        self.dialog("Refresh now")
        self.page.sees("Refreshed.")
        current = self.world.api("GET", "/v1/token?user=driver-17").json["access_token"]
        self.dialog("Revoke")
        self.page.sees("the tokens are gone")
        self.page.click("link", "Reconnect")
        self.page.heading("Owners who must reconnect")
        seen = self.page.wire()
        self.assertGreater(len(seen), 20)
        secrets = [pair["access_token"], pair["refresh_token"], self.key, self.world.api_key, harness.CLIENT_SECRET,
                   harness.MANAGEMENT_TOKEN, current]
        text = "\n".join(entry["url"] + entry["body"] for entry in seen).encode()
        for secret in secrets:
            for form in harness.forms_of(secret):
                self.assertNotIn(form, text)


class Many(ConsoleCase):
    def fill(self, pattern, count):
        """Copies of one grant, straight into the file: what lists and look-ups see of a big installation."""
        columns = [row[1] for row in self.world.sql("PRAGMA table_info(grants)") if row[1] != "number"]
        changed = {"grant_id": "'g' || printf('%09d', n)", "user_id": "'many-' || n",
                   "vehicles": "'9:' || printf('c%08d', n)", "status": "CASE WHEN n % 1000 = 0 THEN 'needs_reauth' ELSE status END",
                   "provider_user": "'owner-' || n"}
        numbers = f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) "
        chosen = ", ".join(changed.get(column, column) for column in columns)
        self.world.sql(f"{numbers} INSERT INTO grants ({', '.join(columns)}) SELECT {chosen} FROM c, grants WHERE grant_id = ?", pattern)
        for kind, text in (("user", "user_id"), ("vehicle", "substr(vehicles, 3, 9)")):
            self.world.sql(f"INSERT INTO grant_keys SELECT grant_key('{kind}', app_id, {text}), number FROM grants "
                           "WHERE provider_user LIKE 'owner-%'")

    def test_a_big_installation_is_searched_and_listed_by_its_indexes(self):
        pair = self.world.import_grant("first")
        self.world.daemon.stop()
        self.fill(pair["grant"], GRANTS)
        self.world.serve()
        self.sign_in()
        for text, user in ((f"many-{GRANTS // 2}", f"many-{GRANTS // 2}"), (f"c{GRANTS:08d}", f"many-{GRANTS}"), ("first", "first")):
            begun = time.monotonic()
            self.find(text)
            self.page.heading(user)
            print(f"\n  {GRANTS} grants: {text} shown after {(time.monotonic() - begun) * 1000:.0f} ms", end="")
        begun = time.monotonic()
        self.page.click("link", "Reconnect")
        self.page.wait("table.cards tbody tr")
        print(f"\n  the first of {GRANTS // 1000} who must reconnect after {(time.monotonic() - begun) * 1000:.0f} ms")
        file = self.page.download("button", "Export CSV")
        self.assertEqual(len(file["text"].strip().split("\r\n")), GRANTS // 1000 + 1)


if __name__ == "__main__":
    harness.main()
