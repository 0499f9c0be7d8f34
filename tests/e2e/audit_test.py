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
        self.assertEqual(first[0]["user"], "ann")
        self.world.restart()  # a stop writes the counts of the present minute
        self.assertEqual(self.counted("token.disclosed"), 5)

    def test_changes_and_refusals_are_on_record_with_who_and_how_it_ended(self):
        self.world.import_grant("ann")
        self.assertEqual(self.world.api("GET", "/v1/apps").status, 403)
        self.world.restart()
        actions = {entry["action"] for entry in self.entries()}
        self.assertLessEqual({"app.added", "caller.added", "grant.imported", "request.refused"}, actions)
        refused = self.entries("--action", "request.refused")[0]
        self.assertEqual(refused["outcome"], "forbidden")

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
