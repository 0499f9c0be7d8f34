"""The due queue of the real daemon against the simulator, with lives of seconds: nobody asks for a token, and it is kept."""

import datetime
import re
import time

import harness
from harness import eventually


class Due(harness.Case):
    start = False

    def begin(self, config=None, **providers):
        for key, value in (config or {}).items():
            self.world.configure("refresh", key, value)
        for key, value in providers.items():
            self.world.configure("providers.smartcar", key, f'"{value}"')
        self.world.start()

    def metric(self, name):
        text = self.world.anonymous("GET", "/metrics").body.decode()
        found = re.search(rf"(?m)^{re.escape(name)} (\S+)$", text)
        return float(found[1]) if found else None

    def generation(self, pair):
        return self.world.grant(pair["grant"])["generation"]


class AlwaysFresh(Due):
    sim_options = ("--access-ttl", "8")

    def test_an_unused_token_is_never_found_expired(self):
        self.begin({"mode": '"always_fresh"', "ahead": '"4s"', "min_validity": '"1s"'})
        pair = self.world.import_grant("ann", expires_in=8)
        start = time.monotonic()
        while self.sim.rotations() < 4 and time.monotonic() < start + 40:
            expires = self.world.grant(pair["grant"])["access_expires_at"]  # looking at a grant refreshes nothing
            self.assertGreater(datetime.datetime.fromisoformat(expires.replace("Z", "+00:00")).timestamp(), time.time())
            time.sleep(0.2)
        self.assertEqual(self.sim.rotations(), 4)
        self.assertGreater(time.monotonic() - start, 8, "half of a token's life is used at least")
        self.assertTrue(self.sim.inspect(self.token_of("user=ann"))["live"])
        self.assertEqual(self.sim.late_uses(), 0)

    def test_turned_on_later_it_reaches_the_grants_that_are_there(self):
        self.begin()
        pair = self.world.import_grant("ann", expires_in=0)
        self.assertEqual(self.sim.rotations(), 0)
        self.world.configure("refresh", "mode", '"always_fresh"')
        self.world.restart()
        eventually(lambda: self.generation(pair) > 1, "the idle grant is refreshed", 10)


class KeepAlive(Due):
    sim_options = ("--refresh-ttl", "12")

    def test_an_idle_grant_outlives_its_refresh_token_many_times(self):
        self.begin(refresh_ttl="12s")
        pair = self.world.import_grant("ann")
        eventually(lambda: self.sim.rotations() >= 3, "three lives of 6 s out of 12", 40)
        answer = self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh")
        self.assert_answer(answer, 200)
        self.assertEqual(self.sim.late_uses(), 0)
        self.assertLess(self.metric("keyfob_keep_alive_lag_seconds"), 2)


class Pace(Due):
    def test_the_background_keeps_to_max_rate(self):
        self.begin({"mode": '"always_fresh"', "max_rate": "10"})
        pairs = self.sim.issue(client_id=harness.CLIENT_ID, count=60)["pairs"]
        start = time.monotonic()
        for i, pair in enumerate(pairs):
            self.world.import_grant(f"user-{i}", expires_in=0, pair=pair)
        eventually(lambda: self.sim.rotations() == 60, "all 60 are fresh", 30)
        self.assertGreaterEqual(time.monotonic() - start, 4.5, "60 at 10 a second, 10 of them at once")
        self.assertEqual(self.metric('keyfob_application_rate{app="fleet"}'), 10)


class Alarm(Due):
    def test_the_lag_rises_while_the_provider_is_out_of_order_and_falls_when_it_is_well(self):
        self.begin(refresh_ttl="20s")  # long enough for a busy machine to be ahead of all eight
        eventually(lambda: self.metric("keyfob_keep_alive_lag_seconds") == 0, "the alarm is there before it is needed")
        self.sim.fault("status", status=503, times=0)
        for i in range(8):
            self.world.import_grant(f"user-{i}")
        eventually(lambda: (self.metric("keyfob_keep_alive_lag_seconds") or 0) > 1, "the lag is seen", 60)
        eventually(lambda: self.metric('keyfob_application_circuit_open{app="fleet"}') == 1, "the circuit opens", 25)
        self.sim.clear_faults()
        eventually(lambda: self.metric("keyfob_keep_alive_lag_seconds") == 0, "all are renewed", 90)
        self.assertEqual(self.metric('keyfob_application_circuit_open{app="fleet"}'), 0)
        self.assertEqual(self.metric("keyfob_rotation_lost_total"), 0)


if __name__ == "__main__":
    harness.main()
