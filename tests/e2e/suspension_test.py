"""A wrong client secret suspends the application and costs no grant; it is back within 15 s of being put right."""

import time

import harness
from harness import APP, CLIENT_ID, CLIENT_SECRET, eventually

BACK_WITHIN = 15  # seconds


class WrongSecret(harness.Case):
    def setUp(self):
        super().setUp()
        self.expired = [self.world.import_grant(f"late-{i}", expires_in=0) for i in range(3)]
        self.valid = self.world.import_grant("valid")
        self.before = self.grants()
        self.sim.post("clients", client_id=CLIENT_ID, client_secret="another-secret")
        for i in range(3):
            self.assert_answer(self.world.api("GET", f"/v1/token?user=late-{i}"), 503, "application_suspended")

    def grants(self):
        """What a caller sees of each grant; times of bookkeeping aside."""
        found = self.world.api("GET", "/v1/grants").json["grants"]
        return {g["id"]: {k: v for k, v in g.items() if k != "updated_at"} for g in found}

    def all_served(self):
        return all(self.world.api("GET", f"/v1/token?user=late-{i}").status == 200 for i in range(3))

    def check_untouched(self):
        self.assertEqual(self.grants(), self.before)
        self.assertEqual(self.token_of("user=valid"), self.valid["access_token"])
        through = self.world.api("GET", f"/v2.0/vehicles/{self.valid['vehicle']}")
        self.assert_answer(through, 200)
        status = self.world.cli_ok("status", json_out=True).json
        self.assertEqual(status["suspended"], [APP])
        expired = self.world.api("GET", f"/v2.0/vehicles/{self.expired[0]['vehicle']}")
        self.assert_answer(expired, 503, "application_suspended")
        self.assertEqual(self.sim.rotations(), 0)

    def test_no_grant_is_touched_and_setting_the_right_secret_helps_at_once(self):
        self.check_untouched()
        start = time.monotonic()
        self.world.cli_ok("app", "set", APP, "--client-secret", "-", secret="another-secret")
        eventually(self.all_served, "every grant is served again", BACK_WITHIN)
        self.assertLess(time.monotonic() - start, BACK_WITHIN)
        self.assertEqual(self.world.cli_ok("status", json_out=True).json["suspended"], [])

    def test_it_notices_by_itself_that_the_old_secret_is_accepted_again(self):
        self.check_untouched()
        probes = self.refusals()
        eventually(lambda: self.refusals() >= probes + 4, "four probes: from now on they are as rare as they get")
        self.sim.post("clients", client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        start = time.monotonic()
        eventually(self.all_served, "every grant is served again", BACK_WITHIN)
        self.assertLess(time.monotonic() - start, BACK_WITHIN)

    def test_a_suspended_application_is_probed_and_not_hammered(self):
        before = self.sim.stats()["refresh"]["requests"] + self.refusals()
        for _ in range(20):
            self.world.api("GET", "/v1/token?user=late-0")
        self.assertLess(self.refusals() - before, 6)

    def refusals(self):
        return len([r for r in self.sim.requests("/oauth/token") if r["outcome"] == "invalid_client"])

    def test_rotating_the_secret_keeps_the_old_one_as_second_choice(self):
        self.sim.post("clients", client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        eventually(self.all_served, "served with the first secret", BACK_WITHIN)
        self.world.cli_ok("app", "set", APP, "--client-secret", "-", secret="not-active-at-the-provider-yet")
        answer = self.world.api("POST", f"/v1/grants/{self.valid['grant']}/refresh")
        if answer.status != 200:
            eventually(lambda: self.world.api("POST", f"/v1/grants/{self.valid['grant']}/refresh").status == 200,
                       "the old secret is tried as second choice", BACK_WITHIN)


class ErrorWords(harness.Case):
    def test_every_way_to_refuse_a_client_suspends_and_none_touches_a_grant(self):
        pair = self.world.import_grant("ann", expires_in=0)
        for status, error in ((401, "invalid_client"), (400, "invalid_client"), (400, "unauthorized_client"),
                              (400, "unsupported_grant_type"), (401, "html")):
            with self.subTest(status=status, error=error):
                self.sim.fault("status", status=status, error=error, times=0)
                answer = self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh")
                self.assert_answer(answer, 503, "application_suspended")
                self.assertEqual(self.world.grant(pair["grant"])["status"], "active")
                self.sim.clear_faults()
                self.world.restart()


if __name__ == "__main__":
    harness.main()
