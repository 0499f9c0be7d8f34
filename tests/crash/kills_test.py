#!/usr/bin/env python3
"""kill -9 at every step of a refresh and at random, hundreds of times: after each, no grant is lost.

Several fleets are killed side by side, each with a simulator of its own. KEYFOB_CRASH_ROUNDS says how often each fleet
goes through all the steps (default 5), KEYFOB_CRASH_SEED which moments are chosen.
"""

import os
import threading
import time
import unittest

import fleet
import harness
import steps

FLEETS = 3
GRANTS = 8
ROUNDS = int(os.environ.get("KEYFOB_CRASH_ROUNDS", "5"))
SEED = int(os.environ.get("KEYFOB_CRASH_SEED", str(time.time_ns() % 1_000_000)))
AT_RANDOM = 3  # times a round


class Lane(threading.Thread):
    """One fleet through all steps, again and again."""

    def __init__(self, number):
        super().__init__()
        self.number, self.problem, self.fleet, self.stats, self.at = number, None, None, {}, "import"

    def run(self):
        try:
            self.fleet = fleet.Fleet(GRANTS, SEED + self.number)
            for _ in range(ROUNDS):
                order = steps.STEPS + [steps.at_random] * (AT_RANDOM - 1)
                self.fleet.chance.shuffle(order)
                for step in order:
                    self.at = step.__name__
                    step(self.fleet)
                    self.fleet.check()
            self.at = "the end"
            self.fleet.check_refreshable()
            self.stats = self.fleet.sim.stats()
        except BaseException as problem:  # shown by the test
            self.problem = problem
        finally:
            if self.fleet is not None:
                self.fleet.close()


class Kills(unittest.TestCase):
    def test_at_every_step_and_at_random(self):
        began = time.monotonic()
        lanes = [Lane(n) for n in range(FLEETS)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        for lane in lanes:
            with self.subTest(fleet=lane.number, step=lane.at, seed=SEED):
                if lane.problem is not None:
                    raise lane.problem
        if any(lane.problem for lane in lanes):
            return
        kills = sum(lane.fleet.kills for lane in lanes)
        total = {name: sum(lane.stats["refresh"][name] for lane in lanes)
                 for name in ("rotations", "requests", "second_uses", "late_uses")}
        refused = {why: count for lane in lanes for why, count in lane.stats["refresh"]["refused"].items()}
        print(f"\n{kills} kills survived by {FLEETS * GRANTS} grants in {time.monotonic() - began:.0f} s: {total['rotations']} "
              f"refreshes, {total['requests']} requests, {total['second_uses']} second uses inside the window, "
              f"{total['late_uses']} outside, {sum(refused.values())} refused; "
              f"{sum(lane.fleet.in_spool for lane in lanes)} pairs were in the spool when it was killed; slowest recovery "
              f"{max(lane.fleet.slowest for lane in lanes):.2f} s; seed {SEED}", flush=True)
        self.assertEqual((total["late_uses"], refused), (0, {}))
        self.assertGreaterEqual(kills, 50 * ROUNDS)


if __name__ == "__main__":
    harness.main()
