#!/usr/bin/env python3
"""The control: a client without the protocol, killed at the same steps under the same provider, loses grants, and the very
check that Keyfob passes finds them. A check that cannot fail would show nothing."""

import json
import pathlib
import subprocess
import sys
import time
import unittest

import fleet
import harness
from harness import eventually

GRANTS = 8


class NaiveFleet:
    """As many of fleet.Fleet's members as the check needs, around naive_client.py."""

    def __init__(self, test):
        self.world = harness.World(sim_options=("--clock", "manual", "--reuse-window", str(fleet.WINDOW)))
        test.addCleanup(self.world.close)
        self.sim = self.world.sim
        self.file = self.world.root / "pairs.json"
        issued = [self.sim.issue(client_id=harness.CLIENT_ID) for _ in range(GRANTS)]
        self.file.write_text(json.dumps({pair["user_id"]: pair for pair in issued}))
        self.process = None

    def start(self):
        program = pathlib.Path(__file__).resolve().with_name("naive_client.py")
        self.process = subprocess.Popen([sys.executable, "-B", program, self.sim.origin, self.file],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run(self):
        self.start()
        self.process.wait(harness.PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def lost(self):
        """How many grants hold a refresh token that is not the provider's newest."""
        pairs = json.loads(self.file.read_text())
        newest = {g["user"]: g["newest_refresh_token"] for g in self.sim.get("grants")["grants"]}
        return sum(1 for user, pair in pairs.items() if fleet.digest(pair["refresh_token"]) != newest[user])


class Naive(unittest.TestCase):
    def setUp(self):
        self.naive = NaiveFleet(self)
        self.sim = self.naive.sim

    def later(self):
        """Its access tokens last for hours, so the next refresh comes long after the window."""
        self.sim.post("advance", seconds=fleet.WINDOW + 1)

    def killed_with_the_answers_withheld(self):
        self.sim.fault("hold", times=0)
        self.naive.start()
        eventually(lambda: self.sim.stats()["held"] == GRANTS, "every request is held by the provider")
        self.naive.kill()
        self.sim.clear_faults()
        self.sim.post("release")
        self.later()

    def test_without_a_kill_it_loses_nothing(self):
        for _ in range(2):
            self.naive.run()
            self.later()
        self.assertEqual(self.naive.lost(), 0)
        self.assertEqual((self.sim.rotations(), self.sim.late_uses()), (2 * GRANTS, 0))

    def test_one_kill_costs_every_grant_that_was_under_way(self):
        self.killed_with_the_answers_withheld()
        self.assertEqual(self.naive.lost(), GRANTS)
        self.naive.run()
        refresh = self.sim.stats()["refresh"]
        self.assertEqual((refresh["late_uses"], refresh["refused"]), (GRANTS, {"spent": GRANTS}))
        print(f"\na naive client lost {GRANTS} of {GRANTS} grants in one kill; {refresh['late_uses']} uses outside the window",
              flush=True)

    def test_kills_at_random_cost_grants_too(self):
        for kill in range(6):
            self.sim.fault("delay", times=GRANTS, delay_ms=60)
            self.naive.start()
            eventually(lambda: self.sim.rotations() > 0, "the provider has rotated something")
            time.sleep(kill / 100)
            self.naive.kill()
            self.sim.clear_faults()
            self.later()
        self.assertGreater(self.naive.lost(), 0)

    def test_the_check_of_the_kill_test_finds_it(self):
        """fleet.Fleet.check_statistics(), as it is, on the naive client's simulator."""
        self.killed_with_the_answers_withheld()
        self.naive.run()
        checked = fleet.Fleet.__new__(fleet.Fleet)
        checked.sim = self.sim
        with self.assertRaisesRegex(AssertionError, "outside its window"):
            checked.check_statistics()


if __name__ == "__main__":
    harness.main()
