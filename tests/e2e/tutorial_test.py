"""docs/tutorial.md, run as it stands on free ports: every command, in one shell, and what it prints against what the page says."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import harness

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
MARK = "=== step {} ==="


def steps():
    """[(commands, what the page says they print, or None)]"""
    found = re.findall(r"```sh\n(.*?)```(?:\n```text\n(.*?)```)?", PAGE.read_text(), re.DOTALL)
    return [(commands, said or None) for commands, said in found]


def script(keyfob, sim):
    parts = ["set -eu", "trap 'kill $(jobs -p)' EXIT"]
    for number, (commands, _) in enumerate(steps()):
        parts += [f"echo; echo '{MARK.format(number)}'", commands]
        if "keyfob init" in commands:
            parts.append("sed -i 's/USUAL_PORT/KEYFOB_PORT/' keyfob.toml")
    text = "\n".join(parts).replace("$PWD/build/bin", str(harness.BIN))
    text = text.replace("7420", str(keyfob)).replace("7421", str(sim))
    return text.replace("KEYFOB_PORT", str(keyfob)).replace("USUAL_PORT", "7420")


def pattern_of(said):
    """Blanks in a row may be any number of blanks; ... may be anything."""
    words = [re.escape(piece) for piece in re.split(r"\.\.\.", said.strip())]
    return re.compile(".*?".join(re.sub(r"(?:\\\s|\s)+", r"\\s+", word) for word in words), re.DOTALL)


class Tutorial(unittest.TestCase):
    def test_every_command_prints_what_the_page_says(self):
        keyfob, sim = harness.free_port(), harness.free_port()
        with tempfile.TemporaryDirectory(prefix="keyfob-tutorial-") as room:
            done = subprocess.run(["/bin/bash", "-c", script(keyfob, sim)], capture_output=True, text=True, cwd=room, check=False,
                                  env=os.environ | {"TMPDIR": room}, stdin=subprocess.DEVNULL, timeout=harness.PATIENCE * 8)
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{done.stderr}")
        printed = re.split(r"\n=== step \d+ ===\n", done.stdout)[1:]
        self.assertEqual(len(printed), len(steps()))
        for (commands, said), output in zip(steps(), printed, strict=True):
            if said is not None:
                with self.subTest(commands):
                    said = said.replace("7420", str(keyfob)).replace("7421", str(sim))
                    self.assertRegex(output.strip(), pattern_of(said))

    def test_the_page_has_commands_and_says_what_most_of_them_print(self):
        self.assertGreaterEqual(len(steps()), 12)
        self.assertGreaterEqual(sum(said is not None for _, said in steps()), 10)


if __name__ == "__main__":
    harness.main()
