"""Import, consent and revoke while a refresh is under way; answers that come late; replays with another pair."""

import contextlib
import threading

import harness
from harness import CLIENT_ID, eventually


class Races(harness.Case):
    def setUp(self):
        super().setUp()
        self.pair = self.world.import_grant("ann")
        self.path = f"/v1/grants/{self.pair['grant']}"
        self.refreshed = []

    def refresh_held(self):
        """A refresh whose answer the provider holds back."""
        self.sim.fault("hold", user=self.pair["user_id"])

        def ask():
            with contextlib.suppress(OSError):
                self.refreshed.append(self.world.api("POST", self.path + "/refresh"))
        self.caller = threading.Thread(target=ask)
        self.caller.start()
        eventually(lambda: self.sim.stats()["held"] == 1, "the provider has rotated and holds its answer")

    def release(self):
        self.sim.post("release")
        self.caller.join()
        eventually(lambda: self.world.cli_ok("status", json_out=True).json["flights"] == 0, "the flight has ended")

    def fresh_consent(self):
        return self.sim.issue(user=self.pair["user_id"], client_id=CLIENT_ID, vehicles=self.pair["vehicles"])

    def test_an_import_during_a_refresh_wins(self):
        self.refresh_held()
        fresh = self.fresh_consent()
        self.world.import_grant("ann", pair=fresh)
        self.assertEqual(self.token_of("user=ann"), fresh["access_token"])
        self.release()
        self.assertEqual(self.token_of("user=ann"), fresh["access_token"])
        self.world.restart()
        self.assertEqual(self.token_of("user=ann"), fresh["access_token"])
        self.assert_answer(self.world.api("POST", self.path + "/refresh"), 200)
        self.assertEqual(self.sim.inspect(fresh["refresh_token"])["uses"], 1)  # it was the new consent's that was used
        self.assertEqual(self.sim.inspect(self.pair["refresh_token"])["uses"], 1)

    def test_a_revoke_during_a_refresh_is_final(self):
        self.refresh_held()
        answer = self.world.api("DELETE", self.path)
        self.assertIn(answer.status, (202, 204))
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 424, "revoked")
        self.release()
        eventually(lambda: self.world.api("DELETE", self.path).status == 204, "revoked")
        for _ in range(2):
            self.assertEqual(self.world.grant(self.pair["grant"])["status"], "revoked")
            self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 424, "revoked")
            self.world.restart()
        self.assertEqual(self.world.sql("SELECT length(refresh_sealed) FROM grants"), [(0,)])

    def test_a_kill_while_an_import_replaced_the_grant_under_refresh(self):
        self.refresh_held()
        fresh = self.fresh_consent()
        self.world.import_grant("ann", pair=fresh)
        self.world.daemon.kill()
        self.sim.post("release")
        self.caller.join()
        self.world.serve()
        self.assertEqual(self.token_of("user=ann"), fresh["access_token"])
        self.assert_answer(self.world.api("POST", self.path + "/refresh"), 200)
        self.assertEqual(self.sim.late_uses(), 0)

    def test_an_application_removed_during_a_refresh(self):
        self.refresh_held()
        self.world.cli_ok("app", "remove", harness.APP, "--yes")
        self.release()
        self.assertIn(self.world.api("GET", "/v1/token?user=ann").status, (401, 404))
        self.world.restart()
        self.assertEqual(self.world.cli_ok("grant", "list", json_out=True).json["grants"], [])

    def test_a_grant_removed_during_a_refresh(self):
        self.refresh_held()
        self.assertEqual(self.world.api("DELETE", self.path + "/record").status, 204)
        self.release()
        self.assertEqual(self.refreshed[0].status, 404, self.refreshed[0])
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 404, "unknown_grant")
        self.assertEqual(self.world.cli_ok("status", json_out=True).json["spooled"], 0)

    def test_refreshes_asked_for_together_are_one(self):
        answers = harness.together(20, lambda i: self.world.api("POST", self.path + "/refresh"))
        self.assertEqual({a.status for a in answers}, {200})
        stats = self.sim.stats()["refresh"]
        self.assertEqual((stats["second_uses"], stats["rotations"]), (0, stats["requests"]))
        self.assertLess(stats["rotations"], 20)


class Late(harness.Case):
    """T = 1 s, so that an answer can be late without a test taking long."""

    config = {("refresh", "timeout"): '"1s"', ("refresh", "lease"): '"2s"'}

    def test_the_first_answer_is_read_although_it_comes_after_the_deadline(self):
        pair = self.world.import_grant("ann", expires_in=0)
        self.sim.fault("delay", delay_ms=4000)
        self.sim.fault("drop_before", times=0)  # whoever asks again gets nothing: that answer is the only copy
        answer = self.world.api("GET", "/v1/token?user=ann")
        self.assert_answer(answer, 200)
        self.assertTrue(self.sim.inspect(answer.json["access_token"])["live"])
        self.sim.clear_faults()
        self.assert_answer(self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh"), 200)
        self.assertEqual(self.sim.late_uses(), 0)

    def test_a_slow_answer_and_the_recovery_give_one_pair(self):
        pair = self.world.import_grant("ann", expires_in=0)
        self.sim.fault("delay", delay_ms=3000)
        first = self.token_of("user=ann")
        eventually(lambda: self.world.cli_ok("status", json_out=True).json["flights"] == 0, "both exchanges have ended")
        self.assertEqual(self.token_of("user=ann"), first)
        self.assertEqual(self.world.grant(pair["grant"])["generation"], 2)
        self.assertEqual((self.sim.rotations(), self.sim.late_uses()), (1, 0))


class AnotherPair(harness.Case):
    """A provider whose second answer inside the window is one more new pair."""

    sim_options = ("--replay", "new")

    def test_lost_answers_and_duplicates(self):
        pair = self.world.import_grant("ann")
        for kind in ("drop_after_rotation", "duplicate", "cut_json", "missing_access_token"):
            self.sim.fault(kind)
            answer = self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh")
            self.assert_answer(answer, 200)
            self.assertTrue(self.sim.inspect(self.token_of("user=ann"))["live"], kind)
        self.assertEqual(self.world.grant(pair["grant"])["status"], "active")
        self.assertEqual(self.sim.late_uses(), 0)


class Revocation(harness.Case):
    """A provider with no window that revokes the whole grant on any second use: one use per token, never two."""

    sim_options = ("--rotation", "strict", "--strict-revokes-family")
    config = {("providers.smartcar", "reuse_window"): '"0s"', ("providers.smartcar", "late_reuse"): "false"}

    def test_many_callers_and_restarts_never_use_a_token_twice(self):
        pairs = [self.world.import_grant(f"user-{i}", expires_in=0) for i in range(8)]
        for _ in range(3):
            answers = harness.together(32, lambda i: self.world.api("POST", f"/v1/grants/{pairs[i % 8]['grant']}/refresh"))
            self.assertEqual({a.status for a in answers}, {200})
            self.world.restart()
        stats = self.sim.stats()["refresh"]
        self.assertEqual((stats["second_uses"], stats["late_uses"], stats["families_revoked"]), (0, 0, 0))
        self.assertEqual(stats["tokens_by_uses"].keys() - {"0", "1"}, set())


class V3(harness.Case):
    """The application's token opens v3, for the user of the grant and nobody else."""

    def setUp(self):
        super().setUp()
        self.sim.post("clients", client_id=CLIENT_ID, v3_client_id="client_v3", v3_client_secret="planted-v3-secret")
        self.world.cli_ok("app", "set", harness.APP, "--v3-client-id", "client_v3", "--v3-client-secret", "-",
                          secret="planted-v3-secret")
        self.pair = self.sim.issue(client_id=CLIENT_ID)
        self.world.import_grant("ann", pair=self.pair, provider_user=self.pair["user_id"])
        self.path = f"/v3/vehicles/{self.pair['vehicles'][0]}"

    def test_the_user_is_set_from_the_grant_and_never_taken_from_the_caller(self):
        answer = self.world.api("GET", self.path, headers={"sc-user-id": "somebody-else"})
        self.assert_answer(answer, 200)
        sent = self.sim.requests(self.path)[0]["headers"]
        self.assertEqual(sent["sc-user-id"], self.pair["user_id"])
        for _ in range(5):
            self.assert_answer(self.world.api("GET", self.path + "/signals"), 200)
        self.assertEqual(len(self.sim.requests("/oauth2/token")), 1)  # fetched once

    def test_routes_that_reach_beyond_one_grant_need_management(self):
        for path in ("/v3/connections", f"/v3/users/{self.pair['user_id']}"):
            self.assert_answer(self.world.api("GET", path), 403, "forbidden")
        self.assert_answer(self.world.api("DELETE", f"/v3/users/{self.pair['user_id']}"), 403, "forbidden")
        self.assertEqual(self.sim.requests("/v3/connections"), [])


if __name__ == "__main__":
    harness.main()
