"""docs/simulator.md: its commands, run as they stand and in their order, in one shell."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import harness

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "simulator.md"


class Page(unittest.TestCase):
    def test_its_commands_run(self):
        commands = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
        self.assertEqual(len(commands), 4)
        directory = tempfile.TemporaryDirectory(prefix="keyfob-page-")
        self.addCleanup(directory.cleanup)
        script = "set -euo pipefail\ntrap 'kill $SIM 2>/dev/null || true' EXIT\n" + "\n".join(commands)
        done = subprocess.run(["bash", "-c", script], cwd=directory.name, capture_output=True, text=True, timeout=60, check=False,
                              env=os.environ | {"PATH": f"{harness.BIN}:{os.environ['PATH']}"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("ended with 0", done.stdout)
        self.assertIn("lost", done.stdout)
        self.assertIn('"vehicles"', done.stdout)

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
