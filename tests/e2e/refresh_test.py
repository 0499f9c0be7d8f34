"""Expiry is noticed, refreshed once, replayed once; both tokens are replaced together."""

import harness
from harness import CLIENT_ID, eventually, together

VEHICLE = "/v2.0/vehicles/{}"


class ManyCallers(harness.Case):
    def test_fifty_callers_on_one_expired_grant_cause_one_rotation(self):
        pair = self.world.import_grant("ann", expires_in=0)
        self.sim.post("expire", user=pair["user_id"])
        answers = together(50, lambda i: self.world.api("GET", "/v1/token?user=ann"))
        self.assertEqual([a.status for a in answers], [200] * 50)
        tokens = {a.json["access_token"] for a in answers}
        self.assertEqual(len(tokens), 1)
        self.assertNotIn(pair["access_token"], tokens)
        refresh = self.sim.stats()["refresh"]
        self.assertEqual((refresh["requests"], refresh["rotations"], refresh["second_uses"]), (1, 1, 0))

    def test_fifty_calls_through_the_gateway_that_are_answered_401_cause_one_rotation(self):
        pair = self.world.import_grant("ann")
        self.sim.post("expire", user=pair["user_id"])
        answers = together(50, lambda i: self.world.api("GET", VEHICLE.format(pair["vehicle"])))
        self.assertEqual([a.status for a in answers], [200] * 50)
        self.assertEqual(self.sim.stats()["refresh"]["requests"], 1)

    def test_expired_grants_do_not_wait_for_each_other(self):
        pairs = [self.world.import_grant(f"user-{i}", expires_in=0) for i in range(20)]
        self.sim.fault("delay_before", delay_ms=3000, user=pairs[0]["user_id"])
        answers = together(20, lambda i: self.world.api("GET", f"/v1/token?user=user-{i}"))
        self.assertEqual([a.status for a in answers], [200] * 20)
        self.assertEqual(self.sim.rotations(), 20)


class Expiry(harness.Case):
    config = {("refresh", "min_interval"): '"0s"'}

    def setUp(self):
        super().setUp()
        self.pair = self.world.import_grant("ann")
        self.path = VEHICLE.format(self.pair["vehicle"])

    def test_a_401_is_refreshed_and_the_call_replayed(self):
        before = self.assert_answer(self.world.api("GET", self.path), 200)
        self.assertNotIn("keyfob-refreshed", before.headers)
        self.sim.post("expire")
        after = self.assert_answer(self.world.api("GET", self.path), 200)
        self.assertEqual(after.headers["keyfob-refreshed"], "1")
        self.assertEqual(after.headers["keyfob-grant"], self.pair["grant"])
        self.assertEqual(after.json, before.json)
        self.assertEqual(self.sim.rotations(), 1)

    def test_both_tokens_are_replaced_together(self):
        generation = self.world.grant(self.pair["grant"])["generation"]
        self.sim.post("expire")
        self.world.api("GET", self.path)
        self.assertEqual(self.world.grant(self.pair["grant"])["generation"], generation + 1)
        fresh = self.token_of("user=ann")
        self.assertNotEqual(fresh, self.pair["access_token"])
        self.assertTrue(self.sim.inspect(fresh)["live"])
        for expected in (2, 3, 4):  # each needs the refresh token that the one before it stored
            self.assert_answer(self.world.api("POST", f"/v1/grants/{self.pair['grant']}/refresh"), 200)
            self.assertEqual(self.sim.rotations(), expected)
        self.assertEqual(self.sim.stats()["refresh"]["second_uses"], 0)
        self.assertEqual(self.sim.inspect(self.pair["refresh_token"])["uses"], 1)

    def test_a_command_is_replayed_with_its_body(self):
        self.sim.post("expire")
        answer = self.world.api("POST", self.path + "/security", {"action": "LOCK"})
        self.assert_answer(answer, 200)
        self.assertEqual(answer.json, {"status": "success", "message": "Successfully sent request to vehicle"})
        sent = self.sim.requests(self.path + "/security")
        self.assertEqual([r["status"] for r in sent], [200, 401])
        self.assertEqual(sent[0]["body_digest"], sent[1]["body_digest"])
        self.assertNotEqual(sent[0]["headers"]["authorization"], sent[1]["headers"]["authorization"])

    def test_a_second_401_passes_through(self):
        self.sim.fault("status", where="api", status=401, times=2)
        answer = self.world.api("GET", self.path)
        self.assertEqual((answer.status, answer.json["type"]), (401, "AUTHENTICATION"))
        self.assertIsNone(answer.code)
        self.assertEqual(len(self.sim.requests(self.path)), 2)
        self.assertEqual(self.sim.rotations(), 1)

    def test_a_body_beyond_max_body_is_not_replayed_and_the_answer_says_so(self):
        self.sim.post("expire")
        filler = b'{"action":"LOCK"}' + b" " * (1 << 20)
        answer = self.world.api("POST", self.path + "/security", filler, {"Content-Type": "application/json"})
        self.assertEqual(answer.status, 401)
        self.assertEqual(len([r for r in self.sim.requests() if r["path"] == self.path + "/security"]), 1)

    def test_other_answers_pass_through_untouched(self):
        for status, kind in ((403, "PERMISSION"), (409, "VEHICLE_STATE"), (430, "BILLING"), (500, "SERVER"),
                             (501, "COMPATIBILITY"), (502, "UPSTREAM")):
            self.sim.fault("status", where="api", status=status)
            answer = self.world.api("GET", self.path)
            self.assertEqual((answer.status, answer.json["type"], answer.code), (status, kind, None))
        self.assertEqual(self.sim.rotations(), 0)


class MinInterval(harness.Case):
    def test_a_token_that_was_rotated_a_moment_ago_is_not_rotated_again_for_a_401(self):
        pair = self.world.import_grant("ann")
        self.sim.fault("status", where="api", status=401, times=0)
        for _ in range(5):
            self.assertEqual(self.world.api("GET", VEHICLE.format(pair["vehicle"])).status, 401)
        self.assertEqual(self.sim.rotations(), 1)


class Ahead(harness.Case):
    def test_a_token_that_ends_soon_is_refreshed_without_making_anybody_wait(self):
        pair = self.world.import_grant("ann", expires_in=200)  # less than `ahead`, more than `min_validity`
        self.sim.fault("hold")
        self.assertEqual(self.token_of("user=ann"), pair["access_token"])
        eventually(lambda: self.sim.stats()["held"] == 1, "a refresh in the background")
        self.assertEqual(self.token_of("user=ann"), pair["access_token"])
        self.sim.post("release")
        eventually(lambda: self.token_of("user=ann") != pair["access_token"], "the new token")
        self.assertEqual(self.sim.rotations(), 1)

    def test_a_token_below_min_validity_is_served_when_the_provider_is_slow(self):
        pair = self.world.import_grant("ann", expires_in=30)
        self.sim.fault("hold_before")
        self.assertEqual(self.token_of("user=ann"), pair["access_token"])
        self.sim.post("release")

    def test_a_refresh_outlives_the_caller_that_asked_for_it(self):
        self.world.import_grant("ann", expires_in=0)
        self.sim.fault("hold")
        with self.assertRaises(OSError):
            self.world.api("GET", "/v1/token?user=ann", patience=1)
        self.sim.post("release")
        eventually(lambda: self.world.api("GET", "/v1/token?user=ann").status == 200, "the refresh that nobody waits for")
        self.assertEqual(self.sim.stats()["refresh"]["requests"], 1)


class Answers(harness.Case):
    """What the token endpoint may answer, and what becomes of the grant."""

    def setUp(self):
        super().setUp()
        self.pair = self.world.import_grant("ann", expires_in=0)

    def test_lost_and_broken_answers_are_asked_for_again_within_the_window(self):
        for kind in ("drop_before", "drop_after_rotation", "reset_after_rotation", "cut_json", "cut_body", "html200",
                     "html200_after_rotation", "missing_refresh_token", "missing_access_token", "status_after_rotation"):
            with self.subTest(kind):
                self.sim.fault(kind)
                answer = self.world.api("POST", f"/v1/grants/{self.pair['grant']}/refresh")
                if answer.status == 503:
                    eventually(lambda: self.world.api("GET", "/v1/token?user=ann").status == 200, "the retry")
                self.assertTrue(self.sim.inspect(self.token_of("user=ann"))["live"])
                self.assertEqual(self.world.grant(self.pair["grant"])["status"], "active")
        stats = self.sim.stats()
        self.assertEqual(stats["late_uses"], 0)
        self.assertEqual(stats["faults_struck"], 10)

    def test_an_answer_without_expires_in_takes_the_profile_s(self):
        self.sim.fault("missing_expires_in")
        answer = self.world.api("GET", "/v1/token?user=ann")
        self.assertAlmostEqual(self.assert_answer(answer, 200).json["expires_in"], 7200, delta=30)

    def test_a_refusal_is_not_believed_at_once(self):
        self.sim.post("revoke", user=self.pair["user_id"])
        answer = self.world.api("GET", "/v1/token?user=ann")
        self.assert_answer(answer, 503, "refresh_refused")
        self.assertEqual(self.world.grant(self.pair["grant"])["status"], "suspect")

    def test_a_refusal_that_is_confirmed_needs_the_owner(self):
        others = self.world.import_grant("bob", expires_in=0)
        self.assertEqual(self.world.api("GET", "/v1/token?user=bob").status, 200)  # the provider is well
        self.sim.post("revoke", user=self.pair["user_id"])
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 503, "refresh_refused")

        def confirmed():
            answer = self.world.api("POST", f"/v1/grants/{self.pair['grant']}/refresh")
            return answer if answer.status == 424 else None
        answer = eventually(confirmed, "the second refusal, 5 s after the first")
        self.assert_problem(answer, 424, "needs_reauth")
        self.assertEqual((answer.json["user"], answer.json["vehicles"]), ("ann", self.pair["vehicles"]))
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 424, "needs_reauth")
        self.assertEqual(self.world.grant(others["grant"])["status"], "active")
        self.reconnect()

    def reconnect(self):
        fresh = self.sim.issue(user=self.pair["user_id"], client_id=CLIENT_ID, vehicles=self.pair["vehicles"])
        self.world.import_grant("ann", pair=fresh)
        self.assertEqual(self.token_of("user=ann"), fresh["access_token"])

    def test_a_provider_that_is_down_costs_nothing(self):
        self.sim.fault("status", status=503, times=0)
        answer = self.world.api("GET", "/v1/token?user=ann")
        self.assert_answer(answer, 503, "provider_unavailable")
        self.sim.clear_faults()
        eventually(lambda: self.world.api("GET", "/v1/token?user=ann").status == 200, "the provider is back")
        self.assertEqual(self.world.grant(self.pair["grant"])["status"], "active")

    def test_429_is_waited_out(self):
        self.sim.fault("retry_after", seconds=2)
        answer = self.world.api("GET", "/v1/token?user=ann")
        if answer.status != 200:
            self.assert_answer(answer, 503, "provider_unavailable")
        eventually(lambda: self.world.api("GET", "/v1/token?user=ann").status == 200, "the provider accepts again")
        self.assertEqual(self.world.grant(self.pair["grant"])["status"], "active")


if __name__ == "__main__":
    harness.main()
