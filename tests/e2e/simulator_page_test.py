"""docs/simulator.md: its commands, run as they stand and in their order, in one shell."""

import pathlib
import re
import tempfile
import unittest

import harness
import pages

PAGE = pages.ROOT / "docs" / "simulator.md"


class Page(unittest.TestCase):
    def test_its_commands_run(self):
        commands = pages.blocks("docs/simulator.md")
        self.assertEqual(len(commands), 4)
        directory = tempfile.TemporaryDirectory(prefix="keyfob-page-")
        self.addCleanup(directory.cleanup)
        out = pages.run(["trap 'kill $SIM 2>/dev/null || true' EXIT", *commands], directory.name)
        self.assertIn("ended with 0", out)
        self.assertIn("lost", out)
        self.assertIn('"vehicles"', out)

    def test_every_control_call_is_on_the_page(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-sim-"))
        self.addCleanup(harness.shutil.rmtree, directory, ignore_errors=True)
        sim = harness.Sim(directory)
        self.addCleanup(sim.kill)
        page = PAGE.read_text()
        missing = [call for call in sim.get("")["calls"]
                   if re.sub(r"/\{.*", "", call.split(" ")[1]) not in page]
        self.assertEqual(missing, [])
        missing = [name for name in sim.get("settings") if f"{name}" not in page and f"--{name.replace('_', '-')}" not in page]
        self.assertEqual(missing, [])


if __name__ == "__main__":
    harness.main()
