#!/usr/bin/env python3
"""terminal_test.py BIN_DIR: what the command line does only when a person sits in front of it, on a pseudo-terminal."""

import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ.get("KEYFOB_BIN", ".")).resolve()
PATIENCE = 60


class Session:
    """One command whose stdin, stdout, stderr and controlling terminal are a terminal of its own."""

    def __init__(self, directory, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            os.execv(BIN / "keyfob", ["keyfob", *arguments])
        self.text = ""

    def wait_for(self, words):
        end = time.monotonic() + PATIENCE
        while words not in self.text:
            if not self.read(end):
                raise AssertionError(f"waited in vain for {words!r}; it said: {self.text!r}")
        return self

    def read(self, end):
        if not select.select([self.fd], [], [], max(0.0, end - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other side is gone
            return False
        self.text += data.decode()
        return bool(data)

    def type(self, line):
        os.write(self.fd, line.encode() + b"\n")
        return self

    def end(self):
        while self.read(time.monotonic() + PATIENCE):
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Terminal(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="keyfob-terminal-")
        self.addCleanup(place.cleanup)
        self.dir = pathlib.Path(place.name) / "kf"
        self.keyfob("init", "--dir", str(self.dir), cwd=place.name)

    def keyfob(self, *arguments, cwd=None):
        return subprocess.run([BIN / "keyfob", *arguments], cwd=cwd or self.dir, stdin=subprocess.DEVNULL, check=True,
                              capture_output=True, text=True, timeout=PATIENCE)

    def add_app(self):
        (self.dir / "secret").write_text("s3cret\n")
        self.keyfob("app", "add", "fleet", "--client-id", "c", "--client-secret", "@secret")

    def test_a_secret_is_asked_for_and_not_echoed(self):
        session = Session(self.dir, "app", "add", "fleet", "--client-id", "c", "--client-secret", "-")
        session.wait_for("client-secret: ").type("typed-secret")
        self.assertEqual(session.end(), 0)
        self.assertIn("Application fleet added.", session.text)
        self.assertNotIn("typed-secret", session.text)

    def test_removing_asks_first(self):
        self.add_app()
        session = Session(self.dir, "app", "remove", "fleet")
        session.wait_for("[y/N] ").type("n")
        self.assertEqual(session.end(), 2)
        session = Session(self.dir, "app", "remove", "fleet")
        session.wait_for("[y/N] ").type("y")
        self.assertEqual(session.end(), 0)
        self.assertIn("Application fleet removed.", session.text)

    def test_an_import_shows_its_progress_to_a_person_only(self):
        self.add_app()
        line = '{"user":"u%d","vehicles":["v%d"],"access_token":"a","refresh_token":"r","expires_in":7200}\n'
        (self.dir / "grants.jsonl").write_text("".join(line % (i, i) for i in range(3000)))
        quiet = self.keyfob("grant", "import", "grants.jsonl", "--app", "fleet")
        self.assertEqual(quiet.stderr, "")
        session = Session(self.dir, "grant", "import", "grants.jsonl", "--app", "fleet")
        self.assertEqual(session.end(), 0)
        self.assertRegex(session.text, r"Importing \[#+ *\] +\d+%")
        last = re.sub(r"\r\x1b\[K[^\r]*", "", session.text)  # what the bar drew over is gone in the end
        self.assertNotIn("Importing", last)
        self.assertIn("3000 were there already", session.text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
