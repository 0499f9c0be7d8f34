"""The audit trail of the real daemon: what is on record, what verification finds, and that no token is in it."""

import json
import unittest

import harness


class Audit(harness.Case):
    def entries(self, *filters):
        return [json.loads(line) for line in self.world.cli_ok("audit", "export", *filters).out.splitlines()]

    def counted(self, action):
        return sum(entry["count"] for entry in self.entries("--action", action))

    def test_a_disclosure_is_on_record_at_once_and_further_ones_are_counted(self):
        self.world.import_grant("ann")
        for _ in range(5):
            self.assertEqual(self.world.api("GET", "/v1/token?user=ann").status, 200)
        first = self.entries("--action", "token.disclosed")
        self.assertGreaterEqual(sum(entry["count"] for entry in first), 1)
        self.assertIn("ann", [entry["user"] for entry in first])
        self.world.restart()  # a stop writes the counts of the present minute
        self.assertEqual(self.counted("token.disclosed"), 5)

    def test_changes_and_refusals_are_on_record_with_who_and_how_it_ended(self):
        self.world.import_grant("ann")
        self.assertEqual(self.world.api("GET", "/v1/apps").status, 403)
        self.world.restart()
        actions = {entry["action"] for entry in self.entries()}
        self.assertLessEqual({"app.added", "caller.added", "grant.imported", "request.refused"}, actions)
        refused = self.entries("--action", "request.refused")
        self.assertEqual({entry["outcome"] for entry in refused}, {"forbidden"})

    def test_what_was_refused_is_on_record_with_what_was_asked_and_its_request(self):
        pair = self.world.import_grant("ann")
        self.world.import_grant("bob")
        bobs = self.world.add_caller("bobs", "gateway,token:read", "--user", "bob")
        for request in ("first", "second"):
            headers = {"X-Request-Id": request, "Keyfob-User": "ann"}
            self.assertEqual(self.world.api("GET", f"/v2.0/vehicles/{pair['vehicle']}/odometer", key=bobs, headers=headers).status, 403)
            self.assertEqual(self.world.api("DELETE", f"/v1/grants/{pair['grant']}", key=bobs, headers=headers).status, 403)
            self.assertEqual(self.world.api("GET", "/v1/token?user=ann", key="kf_nobody", headers=headers).status, 401)
        told = [entry for entry in self.entries("--action", "request.refused") if entry["count"] == 0]
        self.assertTrue(all(entry["request_id"] in ("first", "second") for entry in told), told)
        asked = {(entry["actor"], entry["outcome"], entry["subject"], entry["user"]) for entry in told}
        self.assertIn(("", "unauthenticated", "GET /v1/token", ""), asked)
        gateway = [entry for entry in told if entry["actor"] == "bobs" and "odometer" not in entry["subject"] and "{vehicle}" in entry["subject"]]
        self.assertEqual([entry["user"] for entry in gateway], ["ann"], told)
        self.assertEqual(self.counted("request.refused"), 6, "and all of them are counted")

    def test_a_kill_loses_no_count(self):
        """Of any kind, whichever way the token goes out; and none is counted twice."""
        pair = self.world.import_grant("ann")
        asked = passed = refused = 0
        for kill in range(6):
            for _ in range(7 + kill):
                self.assertEqual(self.world.api("GET", "/v1/token?user=ann").status, 200)
                self.assertEqual(self.world.api("GET", f"/v2.0/vehicles/{pair['vehicle']}/odometer").status, 200)
                self.assertEqual(self.world.api("GET", "/v1/apps").status, 403)
            asked, passed, refused = asked + 7 + kill, passed + 7 + kill, refused + 7 + kill
            self.world.daemon.kill()
            self.world.serve()
            self.assertEqual(self.counted("token.used"), passed, "written at the start, before anything else")
        self.assertEqual(self.counted("token.disclosed"), asked)
        self.assertEqual(self.counted("request.refused"), refused)
        self.assertEqual(self.world.cli("audit", "verify").code, 0)
        self.assertEqual(self.entries("--action", "audit.lost"), [])

    def test_the_counts_of_a_killed_daemon_hold_no_secret_and_are_its_owner_s(self):
        pair = self.world.import_grant("ann")
        self.token_of("user=ann")
        self.world.api("GET", f"/v2.0/vehicles/{pair['vehicle']}/odometer")
        self.world.daemon.kill()
        file = self.world.home / "state" / "audit-counts"
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        content = file.read_bytes()
        self.assertTrue(pair["grant"].encode() in content)  # not assertIn: it would print 88 MB
        for secret in (pair["access_token"], pair["refresh_token"], self.world.api_key, harness.CLIENT_SECRET):
            self.assertFalse(secret.encode() in content)

    def test_every_kind_of_event_says_who_what_when_how_it_ended_and_which_request(self):
        pair = self.world.import_grant("ann")
        admin = self.world.add_caller("ops", "admin", app=None)
        mine = {"X-Request-Id": "my-request-1"}
        self.assertEqual(self.world.api("GET", "/v1/token?user=ann", headers=mine).status, 200)
        self.assertEqual(self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh", {}, headers=mine).status, 200)
        begun = self.world.api("POST", "/v1/connect", {"user": "bob"}, headers=mine)
        self.assertEqual(begun.status, 201, begun)
        self.assertEqual(self.world.anonymous("GET", "/connect/callback?code=x&state=unknown", headers=mine).status // 100, 4)
        self.assertEqual(self.world.api("POST", "/v1/keys/rotate", {"app": harness.APP}, key=admin, headers=mine).status // 100, 2)
        self.world.cli_ok("caller", "rotate", "backend2" if self.world.add_caller("backend2", "token:read") else "")
        self.world.cli_ok("caller", "disable", "backend2")
        self.assertEqual(self.world.api("DELETE", f"/v1/grants/{pair['grant']}", headers=mine).status // 100, 2)
        self.assertEqual(self.world.api("GET", "/v1/grants", key="kf_nobody").status, 401)
        self.world.restart()
        by_action = {}
        for entry in self.entries():
            by_action.setdefault(entry["action"], entry)
        for action, actor, request in (("grant.imported", "backend", None), ("token.disclosed", "backend", "my-request-1"),
                                       ("grant.refresh_asked", "backend", "my-request-1"), ("grant.refreshed", "keyfob", None),
                                       ("consent.begun", "backend", "my-request-1"), ("consent.answered", "owner", "my-request-1"),
                                       ("key.rotated", "ops", "my-request-1"), ("grant.revoke_asked", "backend", "my-request-1"),
                                       ("caller.rotated", None, None), ("caller.disabled", None, None), ("request.refused", "", None)):
            self.assertIn(action, by_action)
            entry = by_action[action]
            self.assertTrue(entry["at"] and entry["outcome"], entry)
            if actor is not None:
                self.assertEqual(entry["actor"], actor, entry)
            if request is not None:
                self.assertEqual(entry["request_id"], request, entry)

    def test_a_head_that_was_exported_shows_that_the_end_was_cut_off(self):
        self.world.import_grant("ann")
        self.world.daemon.stop()
        heads = self.world.root / "heads.txt"
        heads.write_text(self.world.cli_ok("audit", "heads").out)
        self.assertEqual(self.world.cli("audit", "verify", "--heads", heads).code, 0)
        self.world.sql("DELETE FROM audit WHERE sequence = (SELECT max(sequence) FROM audit)")
        done = self.world.cli("audit", "verify", "--heads", heads)
        self.assertEqual(done.code, 1, done)
        self.assertIn("kept elsewhere", done.out)

    def test_a_changed_record_is_found_and_placed(self):
        self.world.import_grant("ann")
        self.assertEqual(self.world.cli("audit", "verify").code, 0)
        self.world.daemon.stop()
        self.world.sql("UPDATE audit SET actor = 'nobody' WHERE sequence = 2")
        done = self.world.cli("audit", "verify")
        self.assertEqual(done.code, 1, done)
        self.assertIn("record 2", done.out)

    def test_no_token_is_in_the_trail(self):
        pair = self.world.import_grant("ann")
        self.world.api("GET", "/v1/token?user=ann")
        text = self.world.cli("audit", "export").out
        self.assertIn("token.disclosed", text)
        for secret in (harness.CLIENT_SECRET, harness.MANAGEMENT_TOKEN, pair["access_token"], pair["refresh_token"]):
            self.assertNotIn(secret, text)


if __name__ == "__main__":
    unittest.main()
