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

    def lines(self, request_id):
        """The entries of the log about one request."""
        found = [json.loads(line) for line in self.world.daemon.text().splitlines() if line.startswith("{")]
        return [entry for entry in found if entry.get("request_id") == request_id]

    def log_as_json(self, level):
        self.world.configure("log", "format", '"json"')
        self.world.configure("log", "level", f'"{level}"')
        self.world.restart()

    def told(self, request_id):
        lines = eventually(lambda: self.lines(request_id), f"{request_id} is in the log")
        self.assertEqual(len(lines), 1, lines)
        return lines[0]

    def test_at_debug_each_request_is_a_line_with_its_id_its_route_and_its_trace(self):
        self.log_as_json("debug")
        pair = self.world.import_grant("ann-the-owner")
        sent = {"traceparent": TRACE, "X-Request-Id": "call-1"}
        path = f"/v2.0/vehicles/{pair['vehicle']}"
        self.assertEqual(self.world.api("GET", path, headers=sent).status, 200)
        line = self.told("call-1")
        self.assertEqual((line["message"], line["method"], line["status"], line["code"]), ("request", "GET", "200", ""))
        self.assertEqual((line["caller"], line["grant"], line["traceparent"]), ("backend", pair["grant"], TRACE))
        self.assertTrue(line["route"].startswith("/v2.0/"), line)
        self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh", headers=sent | {"X-Request-Id": "call-2"})
        line = self.told("call-2")
        self.assertEqual((line["route"], line["traceparent"]), ("/v1/grants/{id}/refresh", TRACE))
        for number in (3, 4):  # the first disclosure of a minute takes another way than the next
            answer = self.world.api("GET", "/v1/token?user=ann-the-owner", headers={"X-Request-Id": f"call-{number}"})
            self.assertEqual(answer.headers["x-request-id"], f"call-{number}")
            self.assertEqual(self.told(f"call-{number}")["route"], "/v1/token")
        self.assertNotIn("ann-the-owner", self.world.daemon.text())
        self.assertNotIn(pair["vehicle"], self.world.daemon.text())

    def test_every_error_of_ours_names_its_request(self):
        for method, path, headers in (("GET", "/v2.0/vehicles/none", {}), ("GET", "/nothing", {}), ("GET", "/v1/token?user=x", {}),
                                      ("GET", "/v1/nothing", {}), ("GET", "/v1/token", {"Authorization": "Bearer kf_x_y"}),
                                      ("GET", "/v2.0/vehicles/none", {"Authorization": "Bearer kf_x_y"}),
                                      ("DELETE", "/v1/grants/none", {}), ("GET", "/v1/authz", {})):
            with self.subTest(f"{method} {path} {headers}"):
                answer = self.world.api(method, path, headers=headers | {"X-Request-Id": "call-5"})
                self.assertGreaterEqual(answer.status, 400)
                self.assertEqual((answer.headers["x-request-id"], answer.json["request_id"]), ("call-5", "call-5"))
                answer = self.world.api(method, path, headers=headers)
                self.assertRegex(answer.headers["x-request-id"], r"^\d{13}-g?\d+$")
                self.assertEqual(answer.headers["x-request-id"], answer.json["request_id"])

    def test_a_failure_is_in_the_log_under_the_id_that_the_caller_was_told(self):
        self.log_as_json("info")
        pair = self.world.import_grant("ann-the-owner", expires_in=0)
        self.sim.stop()
        token = self.world.api("GET", "/v1/token?user=ann-the-owner")
        call = self.world.api("GET", f"/v2.0/vehicles/{pair['vehicle']}", headers={"traceparent": TRACE})
        for answer in (token, call):
            self.assertEqual((answer.status, answer.code), (503, "provider_unavailable"))
            line = self.told(answer.json["request_id"])
            self.assertEqual((line["status"], line["code"], line["caller"]), ("503", "provider_unavailable", "backend"))
        self.assertEqual(self.told(call.json["request_id"])["traceparent"], TRACE)

    def test_a_disclosure_to_another_gateway_is_on_record_under_its_id(self):
        pair = self.world.import_grant("ann")
        asked = {"X-Original-Method": "GET", "X-Original-URI": f"/v2.0/vehicles/{pair['vehicle']}", "X-Request-Id": "call-6"}
        self.assertEqual(self.world.api("GET", "/v1/authz", headers=asked).status, 200)
        admin = self.world.add_caller("admin", "admin", app=None)
        trail = self.world.api("GET", "/v1/audit?action=token.disclosed", key=admin).json["entries"]
        self.assertEqual([entry["request_id"] for entry in trail], ["call-6"])

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
