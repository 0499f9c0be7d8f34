"""A headless Chromium for tests, over the end-to-end harness: see browser.mjs for what it can be told."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGES = pathlib.Path(os.environ.get("KEYFOB_BROWSER_PACKAGES", ROOT / "build" / "browser")).resolve()
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

import harness  # noqa: E402  (the path above leads to it)


class Browser:
    """`browser.click("button", "Sign in")`: every verb of browser.mjs is a method. Fails with what the page shows."""

    def __init__(self, test):
        environment = os.environ | {"KEYFOB_BROWSER_PACKAGES": str(PACKAGES), "KEYFOB_E2E_PATIENCE": str(harness.PATIENCE)}
        chromium = shutil.which("chromium")
        if chromium:
            environment["KEYFOB_CHROMIUM"] = chromium
        self.process = subprocess.Popen(["node", "--no-warnings", HERE / "browser.mjs"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=environment)
        test.addCleanup(self.close)
        self.version = self.read()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(harness.PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the browser's process ended")
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["ok"]

    def __getattr__(self, verb):
        def tell(*args):
            self.process.stdin.write(json.dumps({"method": verb, "args": args}, default=str) + "\n")
            self.process.stdin.flush()
            return self.read()
        return tell
