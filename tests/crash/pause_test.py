#!/usr/bin/env python3
"""SIGSTOP in mid-refresh, longer than the lease and longer than the reuse window: nothing is lost and nothing used late."""

import time
import unittest

import fleet
import harness
import steps
from harness import eventually

LEASE = 2  # seconds, as in fleet.TIMING


class Pauses(unittest.TestCase):
    def fleet(self, size=6, **how):
        one = fleet.Fleet(size, 11, **how)
        self.addCleanup(one.close)
        return one

    def test_before_the_first_byte_beyond_the_lease(self):
        """What was begun before the pause may not go out after it: it begins anew, covered by a new lease."""
        one = self.fleet()
        one.daemon.stop()
        with steps.hole() as nowhere:
            one.world.configure("providers.smartcar", "token_url", f'"{nowhere}/oauth/token"')
            one.serve()
            one.refresh_all()
            eventually(lambda: one.attempts() == len(one.pairs), "every attempt is durable")
            one.pause(LEASE + 0.5)
            self.assertEqual(one.requests(), 0)
            one.kill()
        one.world.configure("providers.smartcar", "token_url", f'"{one.sim.origin}/oauth/token"')
        one.serve()
        one.check()
        one.check_refreshable()

    def test_while_the_answers_come_beyond_the_lease(self):
        one = self.fleet()
        one.hold()
        one.pause(LEASE + 0.5, one.let_go)
        one.check()
        one.check_refreshable()

    def test_while_the_store_is_busy_beyond_the_lease(self):
        one = self.fleet()
        one.hold()
        with one.locked_store():
            one.let_go()
            eventually(lambda: one.sim.stats()["held"] == 0, "the answers are sent")
            time.sleep(0.02)
            one.pause(LEASE + 0.5)
        one.check()
        one.check_refreshable()

    def test_beyond_the_window_with_the_answers_waiting_in_the_sockets(self):
        """The only copy of each pair lies in a socket's buffer while all deadlines pass: it is read before anything else."""
        one = self.fleet(clock="real")
        one.hold()
        one.pause(fleet.WINDOW + 1, one.let_go)
        one.check()
        one.check_refreshable()

    def test_an_answer_that_is_later_than_T_at_a_strict_provider(self):
        """No pause: the provider is slow. The exchange is read on, since its answer is the only copy."""
        one = self.fleet(strict=True)
        one.hold()
        time.sleep(2 * LEASE)
        one.let_go()
        one.check()
        one.check_refreshable()

    def test_beyond_all_deadlines_at_a_strict_provider(self):
        one = self.fleet(strict=True)
        one.hold()
        one.pause(LEASE + 0.5, one.let_go)
        one.check()
        one.check_refreshable()


if __name__ == "__main__":
    harness.main()
