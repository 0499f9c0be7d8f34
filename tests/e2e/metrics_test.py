"""/metrics of a real daemon that has worked: what is counted, what never is a label, and that the alert rules and the dashboard of
packaging/ ask for figures that are there. With promtool (Debian: prometheus) its own checks are run, too.
"""

import json
import pathlib
import re
import shutil
import subprocess
import unittest

import harness

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"
RULES = PACKAGING / "prometheus" / "keyfob.rules.yml"
DASHBOARD = PACKAGING / "grafana" / "keyfob.json"
SAMPLE = re.compile(r'(?m)^(keyfob_\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
CLOSED = {"kind", "access", "class", "outcome", "code", "disposition", "event", "reason", "app", "version", "le"}


def promtool():
    found = shutil.which("promtool")
    if found is None:
        raise unittest.SkipTest("promtool is not here (Debian: apt-get install prometheus)")
    return found


def asked_for(expression):
    """[(name, {label: value})] of what a PromQL expression selects; values of =~ are not looked at."""
    found = []
    for name, selector in re.findall(r"(keyfob_[a-z_]+)(\{[^}]*\})?", expression):
        found.append((name, dict(re.findall(r'(\w+)="([^"]*)"', selector or ""))))
    return found


def rule_expressions():
    text = RULES.read_text()
    folded = re.sub(r"expr: >-\n((?: {10}.*\n)+)", lambda m: "expr: " + " ".join(m[1].split()) + "\n", text)
    return re.findall(r"(?m)^ +expr: (.*)$", folded)


def dashboard_expressions():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


class Metrics(harness.Case):
    def samples(self):
        """{(name, frozenset of labels): value}"""
        text = self.world.anonymous("GET", "/metrics").body.decode()
        found = {}
        for name, labels, value in SAMPLE.findall(text):
            key = (name, frozenset(LABEL.findall(labels)))
            self.assertNotIn(key, found, "a series that is there twice: Prometheus refuses the whole page")
            found[key] = float(value)
        return found

    def value(self, name, **labels):
        return self.samples().get((name, frozenset(labels.items())), 0)

    def requests(self, kind, outcome="2xx"):
        return self.value("keyfob_requests_total", **{"class": kind, "outcome": outcome})

    def work(self):
        pair = self.world.import_grant("ann-the-owner")
        self.token_of("user=ann-the-owner")
        self.token_of("user=ann-the-owner")
        vehicle = f"/v2.0/vehicles/{pair['vehicle']}"
        self.assertEqual(self.world.api("GET", vehicle).status, 200)
        self.assertEqual(self.world.api("GET", "/nothing/at/all").status, 404)
        self.assertEqual(self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh").status, 200)
        self.assertEqual(self.world.anonymous("GET", vehicle).status, 401)
        return pair

    def test_requests_are_counted_by_class_and_outcome_and_timed(self):
        pair = self.work()
        self.assertEqual(self.requests("gateway"), 1)
        self.assertEqual(self.requests("gateway", "4xx"), 2)
        self.assertEqual(self.requests("token"), 2)
        self.assertGreaterEqual(self.requests("probe"), 3)
        self.assertEqual(self.requests("api"), 2, "an import, a refresh")
        path = f"/v2.0/vehicles/{pair['vehicle']}"
        asked = {"X-Original-Method": "GET", "X-Original-URI": path}
        self.assertEqual(self.world.api("GET", "/v1/authz", headers=asked).status, 200)
        self.assertEqual(self.requests("authz"), 1)
        harness.raw_exchange(self.world.daemon.origin, b"GET /a b HTTP/1.1\r\n\r\n")
        self.assertEqual(self.requests("malformed", "4xx"), 1)
        self.assertEqual(self.value("keyfob_request_duration_seconds_count", **{"class": "gateway"}), 3)
        self.assertGreaterEqual(self.value("keyfob_connections_accepted_total"), 8)
        self.assertGreaterEqual(self.value("keyfob_connections"), 1)
        self.assertEqual(self.value("keyfob_upstream_connections"), 1)

    def test_the_store_the_cache_the_spool_and_the_trail_are_counted(self):
        self.work()
        self.assertGreater(self.value("keyfob_store_duration_seconds_count", access="read"), 0)
        self.assertGreater(self.value("keyfob_store_duration_seconds_count", access="write"), 2)
        self.assertEqual(self.value("keyfob_store_errors_total", access="write"), 0)
        self.assertGreater(self.value("keyfob_cache_lookups_total", outcome="hit"), 0)
        self.assertGreater(self.value("keyfob_cache_lookups_total", outcome="miss"), 0)
        harness.eventually(lambda: self.value("keyfob_cache_entries") > 0, "the next look counts what is in memory")
        self.assertEqual(self.value("keyfob_spool_pairs"), 0)
        self.assertGreater(self.value("keyfob_spool_free_slots"), 100)
        harness.eventually(lambda: self.value("keyfob_audit_entries_total") > 0, "the trail has entries")

    def test_no_user_vehicle_grant_or_token_is_a_label_and_labels_are_a_closed_set(self):
        pair = self.work()
        body = self.world.anonymous("GET", "/metrics").body.decode()
        for private in ("ann-the-owner", pair["vehicle"], pair["grant"], pair["access_token"], self.world.api_key):
            self.assertNotIn(private, body)
        for (name, labels) in self.samples():
            self.assertLessEqual({key for key, _ in labels}, CLOSED, name)

    def test_what_alarms_watch_is_there_before_anything_happens(self):
        for name in ("keyfob_rotation_lost_total", "keyfob_commit_failures_total", "keyfob_audit_lost_total"):
            self.assertIn((name, frozenset()), self.samples())

    def test_rules_and_dashboard_ask_for_what_is_there(self):
        self.work()
        harness.eventually(lambda: self.value("keyfob_cache_entries") > 0, "the next look counts what is in memory")
        seen = lambda: any(name == "keyfob_application_suspended" for name, _ in self.samples())  # noqa: E731
        harness.eventually(seen, "the queue of each application is reported every few seconds", 30)
        there = self.samples()
        names = {name for name, _ in there} | {"keyfob_tls_certificate_expiry_timestamp_seconds"}
        expressions = rule_expressions() + dashboard_expressions()
        self.assertGreater(len(expressions), 30)
        for expression in expressions:
            self.assertTrue(asked_for(expression), expression)
            for name, labels in asked_for(expression):
                with self.subTest(expression):
                    self.assertIn(name, names)
                    closed = frozenset((k, v) for k, v in labels.items() if k == "event")
                    self.assertTrue(not closed or (name, closed) in there, f"no {name}{dict(closed)}")

    def test_every_alarm_has_a_severity_and_says_what_to_do(self):
        text = RULES.read_text()
        alarms = text.count("- alert: Keyfob")
        self.assertGreaterEqual(alarms, 12)
        for what in ("labels: {severity: ", "summary: ", "description: "):
            self.assertEqual(text.count(what), alarms, what)

    def test_promtool_finds_nothing_wrong(self):
        tool = promtool()
        self.work()
        done = subprocess.run([tool, "check", "rules", RULES], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        page = self.world.anonymous("GET", "/metrics").body
        done = subprocess.run([tool, "check", "metrics"], input=page, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))


if __name__ == "__main__":
    harness.main()
