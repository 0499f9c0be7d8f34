"""What the daemon writes about itself, and what passes through it so that a request can be followed."""

import json
import re
import signal

import harness
from harness import eventually

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Logs(harness.Case):
    def refresh(self, pair):
        self.assertEqual(self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh").status, 200)

    def reload(self, level):
        said = self.world.daemon.text().count("configuration read")
        self.world.configure("log", "level", f'"{level}"')
        self.world.daemon.signal(signal.SIGHUP)
        return said

    def test_sighup_changes_the_level_at_once(self):
        pair = self.world.import_grant("ann-the-owner")
        self.refresh(pair)
        self.assertNotIn("grant.refreshed", self.world.daemon.text())
        said = self.reload("debug")
        eventually(lambda: self.world.daemon.text().count("configuration read") > said, "the configuration is read again")
        self.refresh(pair)
        eventually(lambda: "grant.refreshed" in self.world.daemon.text(), "each refresh is told")
        self.world.configure("log", "level", '"loud"')
        self.world.daemon.signal(signal.SIGHUP)
        eventually(lambda: "kept as it is" in self.world.daemon.text(), "a bad configuration changes nothing")
        told = self.world.daemon.text().count("grant.refreshed")
        self.refresh(pair)
        eventually(lambda: self.world.daemon.text().count("grant.refreshed") > told, "still at debug")
        self.assertNotIn("ann-the-owner", self.world.daemon.text())

    def test_as_json_every_line_but_the_greeting_is_an_object(self):
        self.world.configure("log", "format", '"json"')
        self.world.configure("log", "level", '"debug"')
        self.world.restart()
        pair = self.world.import_grant("ann-the-owner")
        self.refresh(pair)
        eventually(lambda: "grant.refreshed" in self.world.daemon.text(), "each refresh is told")
        self.world.daemon.stop()
        lines = [line for line in self.world.daemon.text().splitlines() if not line.startswith("keyfob listening")]
        parsed = [json.loads(line) for line in lines]
        self.assertTrue(all({"time", "level", "message"} <= entry.keys() for entry in parsed))
        refreshed = [entry for entry in parsed if entry["message"] == "grant.refreshed"]
        self.assertEqual([entry["grant"] for entry in refreshed], [pair["grant"]])
        self.assertTrue(all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["time"]) for entry in parsed))


class Following(harness.Case):
    def test_trace_context_and_request_id_reach_the_provider_unchanged(self):
        pair = self.world.import_grant("ann-the-owner")
        path = f"/v2.0/vehicles/{pair['vehicle']}"
        sent = {"traceparent": TRACE, "tracestate": "vendor=1", "X-Request-Id": "call-4711"}
        self.assertEqual(self.world.api("GET", path, headers=sent).status, 200)
        seen = self.sim.requests(path)[0]["headers"]
        for name, value in sent.items():
            self.assertEqual(seen[name.lower()], value)

    def test_one_request_id_is_in_the_answer_and_in_the_audit_trail(self):
        pair = self.world.import_grant("ann-the-owner")
        path = f"/v1/grants/{pair['grant']}/refresh"
        answer = self.world.api("POST", path, headers={"X-Request-Id": "call-4712"})
        self.assertEqual(answer.headers["x-request-id"], "call-4712")
        made = self.world.api("POST", path).headers["x-request-id"]
        self.assertTrue(made)
        spoilt = self.world.api("POST", path, headers={"X-Request-Id": "two words"}).headers["x-request-id"]
        self.assertNotEqual(spoilt, "two words")
        admin = self.world.add_caller("admin", "admin", app=None)
        trail = self.world.api("GET", "/v1/audit?limit=1000", key=admin).body.decode()
        for one in ("call-4712", made, spoilt):
            self.assertIn(one, trail)


if __name__ == "__main__":
    harness.main()
