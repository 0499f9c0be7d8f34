#!/usr/bin/env python3
"""Clocks that jump: the wall clock stepped back and forth in mid-refresh, and a boot clock that is behind what leases say.

The wall clock is stepped for Keyfob alone, by Debian's libfaketime, which leaves the monotonic and the boot clock as they
are: just what an operator's `date -s` or a bad time server does. The boot clock is moved by a time namespace, where the
kernel and this user allow one. The simulator has a clock of its own.
"""

import glob
import os
import subprocess
import sys
import time
import unittest

import fleet
import harness
from harness import eventually

DAY = 86400


def skip(test, why):
    print(f"SKIPPED: {why}", file=sys.stderr, flush=True)
    test.skipTest(why)


class WallClock(unittest.TestCase):
    def setUp(self):
        found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
        if not found:
            skip(self, "libfaketime is not installed (apt-get install faketime): no wall clock to step")
        self.fleet = fleet.Fleet(6, 13)
        self.addCleanup(self.fleet.close)
        self.offset = self.fleet.world.root / "offset"
        self.step(0)
        self.environment = os.environ | {"LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": str(self.offset),
                                         "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
        self.fleet.daemon.stop()
        self.serve()

    def serve(self):
        self.fleet.serve(environment=self.environment)

    def step(self, seconds):
        self.offset.write_text(f"{seconds:+d}\n")

    def shown_time(self):
        """The wall clock of the daemon, by what it reports of a grant that it has just refreshed."""
        return self.fleet.world.grant(self.fleet.pairs[0]["grant"])["updated_at"]

    def test_is_really_stepped(self):
        self.step(400 * DAY)
        self.fleet.refresh_all()
        self.assertEqual(self.fleet.answered(), [200] * 6)
        self.assertNotIn(time.strftime("%Y-%m"), self.shown_time())

    def test_back_and_forth_with_the_answers_withheld(self):
        for step in (-DAY, 3600, -3600, -10, 10, 30 * DAY, 0):
            with self.subTest(step=step):
                self.fleet.hold()
                self.step(step)
                self.fleet.let_go()
                self.fleet.check()

    def test_back_and_forth_across_a_kill(self):
        """Leases and windows are the boot clock's: recovery is as quick as ever."""
        for step in (-DAY, 3600, -400 * DAY, 0):
            with self.subTest(step=step):
                self.fleet.hold()
                self.fleet.kill()
                self.step(step)
                self.fleet.let_go()
                self.serve()
                self.fleet.check()
        self.assertLess(self.fleet.slowest, 2 * fleet.WINDOW, "no lease was waited for that a stepped clock made longer")
        self.fleet.check_refreshable()

    def test_while_callers_come_and_go(self):
        """A token that the clock calls expired is refreshed, not refused; one that it calls good is served."""
        for step in (3 * 3600, 0, -3 * 3600, 0, 3 * 3600):
            self.step(step)
            eventually(self.fleet.lacking_none, "every grant is served")
        self.fleet.check_statistics()
        self.fleet.check_refreshable()


class BootClock(unittest.TestCase):
    """The machine's own incarnation with another boot clock: a restored virtual machine, a moved container."""

    def namespace(self, offset):
        return ["unshare", "--time", f"--boottime={offset}", f"--monotonic={offset}", "--fork", "--kill-child=KILL", "--"]

    def setUp(self):
        tried = subprocess.run([*self.namespace(1000), "true"], capture_output=True, check=False)
        if tried.returncode != 0:
            skip(self, f"no time namespace here: {tried.stderr.decode().strip()}")
        self.fleet = fleet.Fleet(6, 17)
        self.addCleanup(self.fleet.close)

    def serve(self, offset):
        world = self.fleet.world
        arguments = [*self.namespace(offset), harness.BIN / "keyfob", "--config", world.config_file, "serve"]
        world.daemon = harness.Program(arguments, world.root / "keyfob.log", r"keyfob listening on (http://[^\s,]+)")

    def test_behind_and_ahead_of_the_leases_in_the_store(self):
        behind = -min(1000, int(time.clock_gettime(time.CLOCK_BOOTTIME)) // 2)
        for offset in (500_000, behind, 700_000, 0):
            with self.subTest(offset=offset):
                self.fleet.hold()
                self.fleet.kill()
                self.fleet.let_go()
                self.serve(offset)
                self.fleet.check()
        self.fleet.check_refreshable()


if __name__ == "__main__":
    harness.main()
