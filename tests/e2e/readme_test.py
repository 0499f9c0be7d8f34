"""The ten lines of README.md, run as they stand (on free ports), and the links of all pages."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]


class TenLines(unittest.TestCase):
    def block(self):
        """The lines, with free ports for the usual ones and the built programs in the PATH."""
        lines = re.search(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1].splitlines()
        self.assertEqual(len(lines), 10)
        keyfob, sim = str(harness.free_port()), str(harness.free_port())
        self.assertIn("export PATH=$PWD/build/bin:$PATH", lines[0])
        lines[0] = lines[0].replace("$PWD/build/bin", str(harness.BIN)) + "\ntrap 'kill $(jobs -p)' EXIT"
        self.assertIn("smartcar-sim >", lines[1])
        lines[1] = lines[1].replace("smartcar-sim >", "smartcar-sim --listen 127.0.0.1:7421 >")
        text = "\n".join(["set -eu", *lines]).replace("7420", keyfob).replace("7421", sim)
        return text.replace("cd kf ", f"cd kf && sed -i s/7420/{keyfob}/ keyfob.toml ")

    def test_they_end_with_a_token_and_with_the_vehicles(self):
        with tempfile.TemporaryDirectory(prefix="keyfob-readme-") as room:
            done = subprocess.run(["/bin/bash", "-c", self.block()], capture_output=True, text=True, cwd=room, check=False,
                                  env=os.environ | {"TMPDIR": room}, stdin=subprocess.DEVNULL, timeout=harness.PATIENCE * 2)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("Your vehicle is connected", done.stdout)
        documents = [json.loads(d) for d in re.findall(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", done.stdout)]
        token, vehicles = documents[-2:]
        self.assertEqual((token["token_type"], token["user"]), ("Bearer", "ann"))
        self.assertEqual(sorted(token["vehicles"]), sorted(vehicles["vehicles"]))
        self.assertTrue(vehicles["vehicles"])


class Links(unittest.TestCase):
    def test_every_relative_link_of_every_page_leads_somewhere(self):
        pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        self.assertGreater(len(pages), 6)
        broken = []
        for page in pages:
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
                if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
                    broken.append(f"{page.relative_to(ROOT)}: {target}")
        self.assertEqual(broken, [])

    def test_every_page_can_be_reached_from_the_readme(self):
        seen, todo = set(), [ROOT / "README.md"]
        while todo:
            page = todo.pop()
            if page in seen or page.suffix != ".md" or not page.exists():
                continue
            seen.add(page)
            todo += [(page.parent / target).resolve() for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())]
        pages = {page.resolve() for page in (ROOT / "docs").rglob("*.md")}
        self.assertEqual(sorted(str(page.relative_to(ROOT)) for page in pages - seen), [])


if __name__ == "__main__":
    harness.main()
