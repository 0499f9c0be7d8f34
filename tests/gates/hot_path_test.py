"""What a request may cost, counted on the real daemon with its real engine: system calls, heap allocations, instructions.

Counters hold on any machine, however busy; the figures are left in KEYFOB_GATES_JSON. Bounds of instructions are generous: they are
there to notice a coroutine, a copy or a look-up that crept in, not to hold the last percent.
"""

import json
import os
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from lab import gates  # noqa: E402
from lab.process import Bench, Untraceable  # noqa: E402

BINARY = pathlib.Path(os.environ.get("KEYFOB_BIN", ROOT / "build" / "bin")) / "keyfob"
JSON = pathlib.Path(os.environ.get("KEYFOB_GATES_JSON", "gates.json"))
MOST_INSTRUCTIONS = {"gateway": 20_000, "token": 14_000}
MOST_SYSTEM_CALLS = {"gateway": 4.5, "token": 2.5}
# With io_uring, whose calls serve all connections that had something to say; under this load 0.2 of each.
MOST_RING_CALLS = {"gateway": 1.5, "token": 1.0}
# Adding a connection to epoll is one call, and taking it out another: for 64 callers' and as many to the origin.
MOST_EPOLL_CTL = 4 * 64 + 32


class HotPath(unittest.TestCase):
    found = {}

    @classmethod
    def setUpClass(cls):
        cls.bench = Bench()
        cls.addClassCleanup(cls.bench.__exit__)
        cls.keyfob = gates.daemon(cls.bench, BINARY)
        cls.addClassCleanup(lambda: JSON.write_text(json.dumps(cls.found, indent=2) + "\n"))

    def note(self, name, kind, figures):
        self.found.setdefault(name, {})[kind] = figures

    def test_a_request_takes_few_system_calls_and_none_to_epoll_ctl(self):
        for name, path, loop in [(*each, loop) for each in gates.PATHS.items() for loop in ("auto", "epoll")]:
            with self.subTest(name, event_loop=loop):
                try:
                    found = gates.system_calls(self.bench, self.keyfob, path, loop)
                except Untraceable as refusal:
                    self.skipTest(f"this machine does not let a process be traced: {refusal}")
                self.note(name, f"system_calls, {loop}", found)
                self.assertGreater(found["requests"], 1000)
                ring = "io_uring_enter" in found["calls"]
                self.assertFalse(ring and loop == "epoll", found)
                self.assertLessEqual(found["per_request"], (MOST_RING_CALLS if ring else MOST_SYSTEM_CALLS)[name], found)
                self.assertLessEqual(found["calls"].get("epoll_ctl", 0), MOST_EPOLL_CTL, found)

    def test_a_request_allocates_nothing_and_stays_within_its_instructions(self):
        callgrind = gates.Callgrind(self.bench, self.keyfob)
        self.addCleanup(self.bench.stop, callgrind.server.process)
        for name, path in gates.PATHS.items():
            with self.subTest(name):
                found = callgrind.measure(path, 500)
                self.note(name, "callgrind", found)
                self.assertEqual(found["allocations"], 0, "malloc was called")
                self.assertLessEqual(found["instructions"], MOST_INSTRUCTIONS[name], found["own"])
                self.assertGreater(found["instructions"], 2_000, "not what a request costs: is the right thread counted?")
        with self.subTest("the counter counts: a request that is not simple goes through a coroutine"):
            self.assertGreater(callgrind.measure("/v1/token?vehicle=vehicle%2D0", 50)["allocations"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
