#!/usr/bin/env python3
"""help_test.py BIN_DIR: completion scripts and manual pages say what the program takes, and their readers accept them."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

BIN = pathlib.Path(os.environ.get("KEYFOB_BIN", ".")).resolve()
SHELLS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "-n"]}


def keyfob(*arguments, **how):
    return subprocess.run([BIN / "keyfob", *arguments], capture_output=True, text=True, check=False, **how)


def candidates(line):
    """What bash offers at the end of `line`."""
    script = 'eval "$("$KEYFOB" completion bash)"; COMP_LINE=$1; read -ra COMP_WORDS <<<"$1"; [[ $1 == *" " ]] && COMP_WORDS+=("")'
    script += '; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _keyfob; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script, "bash", line], capture_output=True, text=True, check=False,
                          env=os.environ | {"KEYFOB": str(BIN / "keyfob")})
    assert done.returncode == 0 and done.stderr == "", done
    return set(done.stdout.split())


class Completion(unittest.TestCase):
    def test_commands_and_their_commands_and_options_are_offered(self):
        self.assertLessEqual({"init", "serve", "app", "doctor", "backup", "completion"}, candidates("keyfob "))
        self.assertEqual(candidates("keyfob ba"), {"backup"})
        self.assertLessEqual({"add", "list", "show", "set", "remove"}, candidates("keyfob app "))
        self.assertLessEqual({"--client-id", "--client-secret", "--json"}, candidates("keyfob app add fleet --"))
        self.assertEqual(candidates("keyfob app add fleet --client-i"), {"--client-id"})
        self.assertEqual(candidates("keyfob --json grant lis"), {"list"})

    def test_every_shell_accepts_its_script(self):
        for shell, check in SHELLS.items():
            with self.subTest(shell):
                done = keyfob("completion", shell)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                if shutil.which(shell) is None:
                    print(f"skipped: {shell} is not installed")
                    continue
                with tempfile.NamedTemporaryFile("w", suffix=shell) as file:
                    file.write(done.stdout)
                    file.flush()
                    checked = subprocess.run([*check, file.name], capture_output=True, text=True, check=False)
                self.assertEqual((checked.returncode, checked.stderr), (0, ""), shell)

    def test_an_unknown_shell_is_wrong_usage(self):
        self.assertEqual(keyfob("completion", "tcsh").returncode, 2)


class Manual(unittest.TestCase):
    def test_every_command_has_a_page_that_man_reads_without_a_warning(self):
        with tempfile.TemporaryDirectory() as directory:
            done = keyfob("man", "--dir", directory)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            pages = sorted(pathlib.Path(directory).iterdir())
            names = {page.name for page in pages}
            self.assertLessEqual({"keyfob.1", "keyfob-app-add.1", "keyfob-backup.1", "keyfob-doctor.1"}, names)
            if shutil.which("man") is None:
                self.skipTest("man is not installed")
            for page in pages:
                read = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, check=False,
                                      env=os.environ | {"MANWIDTH": "200", "LC_ALL": "C.UTF-8"})
                self.assertEqual((read.returncode, read.stderr), (0, ""), page.name)
                self.assertIn("EXIT STATUS", read.stdout)

    def test_a_page_has_the_options_and_examples_of_its_command(self):
        page = keyfob("man", "app", "add").stdout
        self.assertIn("\\-\\-client\\-id", page)
        self.assertIn("keyfob app add fleet", page.replace("\\-", "-"))

    def test_a_mistyped_command_is_guessed(self):
        done = keyfob("man", "bakcup")
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean `keyfob-backup`?", done.stderr)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
