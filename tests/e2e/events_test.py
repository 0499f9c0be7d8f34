"""Events out: each change is told once, signed, in order, at least once, whatever happens in between."""

import hashlib
import hmac
import pathlib
import re
import urllib.parse

import harness
from harness import APP, CLIENT_ID, CLIENT_SECRET, eventually, exchange
from receiver import Receiver

SECRET = "planted-events-secret-1f9e7d3c"
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reference" / "events.md"


class Told(harness.Case):
    start = False

    def setUp(self):
        super().setUp()
        self.receiver = Receiver()
        self.addCleanup(lambda: self.receiver.close())
        key = self.world.home / "events.key"
        key.write_text(SECRET + "\n")
        key.chmod(0o600)
        self.world.configure("events", "url", f'"{self.receiver.url}"')
        self.world.configure("events", "secret", '"file:events.key"')
        self.world.start()
        self.owner = self.sim.post("users", email="ann@example.com", vehicles=1)

    def consent(self, user="ann"):
        """The owner says yes; the grant's id."""
        url = self.world.api("POST", "/v1/connect", {"user": user}).json["url"]
        parts = urllib.parse.urlsplit(url)
        answer = exchange(self.sim.origin, "GET", f"{parts.path}?{parts.query}&auto=allow&auto_user=ann%40example.com")
        self.assertEqual(answer.status, 302, answer)
        query = urllib.parse.urlsplit(answer.headers["location"]).query
        self.assertEqual(self.world.anonymous("GET", f"/connect/callback?{query}").status, 200)
        grants = self.world.api("GET", f"/v1/grants?user={user}").json["grants"]
        self.assertEqual(len(grants), 1, grants)
        return grants[0]["id"]

    def told(self, *names, grant=None, patience=150):
        """Waits until exactly these have been told, in this order."""
        try:
            eventually(lambda: len(self.receiver.names(grant)) >= len(names), f"{names} are told", patience)
        except AssertionError:
            self.fail(f"wanted {names}, got {self.receiver.names(grant)}\n{self.world.daemon.text()[-3000:]}")
        self.assertEqual(self.receiver.names(grant), list(names))

    def refresh(self, grant):
        return self.world.api("POST", f"/v1/grants/{grant}/refresh")

    def waiting(self):
        return self.world.cli_ok("status", json_out=True).json["outbox"]


class Life(Told):
    def test_the_whole_life_of_a_grant_is_told_once_each_and_in_order(self):
        helper = self.world.import_grant("helper")  # shows that the provider is healthy
        grant = self.consent()
        self.told("grant.connected", grant=grant)
        self.sim.post("revoke", user=self.owner["id"])
        for _ in range(3):
            self.assertIn(self.refresh(grant).status, (424, 503))
        self.told("grant.connected", "grant.suspect", grant=grant)
        self.assert_answer(self.refresh(helper["grant"]), 200)
        confirmed = lambda: self.refresh(grant).status == 424 and self.world.grant(grant)["status"] == "needs_reauth"
        eventually(confirmed, "the refusal is confirmed", 60)
        self.refresh(grant)
        self.told("grant.connected", "grant.suspect", "grant.needs_reauth", grant=grant)
        self.assertEqual(self.consent(), grant)
        self.told("grant.connected", "grant.suspect", "grant.needs_reauth", "grant.recovered", "grant.connected", grant=grant)
        self.assertIn(self.world.api("DELETE", f"/v1/grants/{grant}").status, (202, 204))
        self.told("grant.connected", "grant.suspect", "grant.needs_reauth", "grant.recovered", "grant.connected",
                  "grant.revoked", grant=grant)
        eventually(lambda: self.waiting() == [], "nothing is left over")
        self.check_deliveries(grant)
        self.assertEqual(self.receiver.names(helper["grant"]), [], "an import and a refresh are no events")

    def check_deliveries(self, grant):
        secrets = [CLIENT_SECRET, SECRET, harness.MANAGEMENT_TOKEN] + [
            t for pair in (self.sim.issue(client_id=CLIENT_ID),) for t in (pair["access_token"], pair["refresh_token"])]
        for delivery in self.receiver.deliveries:
            self.assertTrue(delivery.signed_with(SECRET), delivery)
            self.assertEqual(delivery.headers["content-type"], "application/json")
            self.assertEqual(delivery.headers["keyfob-event"], delivery.json["event"])
            self.assertEqual(delivery.headers["keyfob-event-id"], delivery.json["id"])
            self.assertEqual(delivery.json["app"], APP)
            self.assertNotRegex(delivery.body, rb"token", "no event has a token in it")
            for secret in secrets:
                self.assertNotIn(secret.encode(), delivery.body)
            if delivery.json.get("grant") == grant:
                self.assertEqual((delivery.json["user"], delivery.json["provider_user"]), ("ann", self.owner["id"]))
                self.assertEqual(delivery.json["vehicles"], [v["id"] for v in self.owner["vehicles"]])
        statuses = [d.json["status"] for d in self.receiver.deliveries if d.json.get("grant") == grant]
        self.assertEqual(statuses, ["active", "suspect", "needs_reauth", "active", "active", "revoked"])

    def test_a_suspended_application_is_told_once_and_so_is_its_return(self):
        pair = self.world.import_grant("ann", expires_in=0)
        self.sim.post("clients", client_id=CLIENT_ID, client_secret="another-secret")
        for _ in range(4):
            self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 503, "application_suspended")
        self.told("application.suspended")
        self.world.restart()
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 503, "application_suspended")
        self.sim.post("clients", client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        eventually(lambda: self.world.api("GET", "/v1/token?user=ann").status == 200, "it is served again", 60)
        self.told("application.suspended", "application.resumed")
        self.assertNotIn("grant", self.receiver.deliveries[0].json)
        self.assertEqual(self.world.grant(pair["grant"])["status"], "active")

    def test_a_pair_that_nobody_manages_to_renew_is_told_once_before_it_ends(self):
        pair = self.world.import_grant("ann", provider_user=self.owner["id"])
        self.world.daemon.stop()
        self.world.sql("UPDATE grants SET renew_by = renew_by - 100 * 86400000, due_at = 0")
        self.sim.fault("status", where="token", status=503, times=0)
        self.world.serve()
        self.told("grant.expiring", grant=pair["grant"])
        body = self.receiver.deliveries[0].json
        self.assertEqual((body["reason"], body["status"], body["user"]), ("not_renewed", "active", "ann"))
        self.world.daemon.stop()
        self.world.sql("UPDATE grants SET due_at = 0")
        self.world.serve()
        tried = len(self.sim.requests("/oauth/token"))
        eventually(lambda: len(self.sim.requests("/oauth/token")) > tried, "it is tried again", 150)
        self.told("grant.expiring", grant=pair["grant"])
        self.sim.clear_faults()
        self.assert_answer(self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh"), 200)
        self.told("grant.expiring", grant=pair["grant"])


class Delivery(Told):
    def test_a_receiver_that_was_down_gets_everything_in_order(self):
        port = self.receiver.port
        self.receiver.close()
        grant = self.consent()
        self.consent()
        self.assertIn(self.world.api("DELETE", f"/v1/grants/{grant}").status, (202, 204))
        eventually(lambda: self.waiting() and self.waiting()[0]["attempts"] >= 1, "it was tried")
        line = self.waiting()[0]
        self.assertEqual((line["to"], line["waiting"]), ("events", 3))
        self.assertIn("events: 3 since", self.world.cli_ok("status").out)
        metrics = self.world.anonymous("GET", "/metrics").body.decode()
        self.assertIn("keyfob_outbox_depth 3", metrics)
        self.assertRegex(metrics, r"keyfob_outbox_oldest_seconds [0-9.]+")
        self.assertIn("outbox.stuck", self.world.daemon.text())
        self.receiver = Receiver(port)
        self.told("grant.connected", "grant.connected", "grant.revoked", grant=grant)
        eventually(lambda: self.waiting() == [], "nothing is left over")

    def test_what_a_killed_daemon_did_not_send_its_successor_sends(self):
        self.receiver.refuse = lambda delivery: True
        grant = self.consent()
        self.world.daemon.kill()
        self.assertEqual(self.receiver.names(), [])
        self.receiver.refuse = lambda delivery: False
        self.world.serve()
        self.told("grant.connected", grant=grant)

    def test_a_change_made_while_no_daemon_runs_is_told_by_the_next_one(self):
        grant = self.consent()
        self.told("grant.connected", grant=grant)
        self.world.daemon.stop()
        self.world.cli_ok("grant", "revoke", grant)
        self.world.serve()
        self.told("grant.connected", "grant.revoked", grant=grant)

    def test_a_grant_whose_event_is_refused_holds_up_no_other(self):
        held = self.consent()
        self.told("grant.connected", grant=held)
        self.receiver.refuse = lambda delivery: delivery.json.get("grant") == held
        self.assertIn(self.world.api("DELETE", f"/v1/grants/{held}").status, (202, 204))
        eventually(lambda: self.receiver.refused > 0, "it was refused")
        other = self.world.import_grant("bob")
        self.assertIn(self.world.api("DELETE", f"/v1/grants/{other['grant']}").status, (202, 204))
        self.told("grant.revoked", grant=other["grant"])
        self.receiver.refuse = lambda delivery: False
        self.told("grant.connected", "grant.revoked", grant=held)

    def test_a_repetition_has_the_same_id_and_the_same_bytes(self):
        kept = []
        self.receiver.refuse = lambda delivery: kept.append(delivery) or len(kept) < 3
        self.consent()
        self.told("grant.connected")
        self.assertEqual(len({d.body for d in kept}), 1)
        self.assertGreaterEqual(len(kept), 3)


class Off(harness.Case):
    def test_without_a_url_nothing_is_stored(self):
        pair = self.world.import_grant("ann")
        self.assertIn(self.world.api("DELETE", f"/v1/grants/{pair['grant']}").status, (202, 204))
        self.assertEqual(self.world.sql("SELECT count(*) FROM outbox"), [(0,)])
        self.assertIn("waiting to be sent", self.world.cli_ok("status").out)


class Page(harness.unittest.TestCase):
    def test_the_worked_example_is_right(self):
        page = PAGE.read_text()
        body = re.search(r"```json\n(\{.*\"grant\":.*\})\n```", page)[1]
        secret = re.search(r"with the secret `([^`]+)`, has", page)[1]
        signature = re.search(r"```\n([0-9a-f]{64})\n```", page)[1]
        self.assertEqual(hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest(), signature)

    def test_every_event_of_the_code_is_on_the_page(self):
        source = "".join(f.read_text() for f in (PAGE.parents[2] / "src" / "engine").glob("*.cpp") if "_test" not in f.name)
        told = set(re.findall(r'(?:notice|about)\((?:app, )?"([a-z_.]+)"', source)) | {"application.suspended", "application.resumed"}
        listed = set(re.findall(r"^\| `((?:grant|application)\.[a-z_]+)` \|", PAGE.read_text(), re.MULTILINE))
        self.assertEqual(told, listed)


if __name__ == "__main__":
    harness.main()
