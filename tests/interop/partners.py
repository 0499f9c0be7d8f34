"""What the interop tests share: the end-to-end harness, and the programs of others that are run beside it."""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGES = pathlib.Path(os.environ.get("KEYFOB_NODE_PACKAGES", ROOT / "build" / "interop")).resolve()
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

import harness  # noqa: E402  (the path above leads to it)


class SdkError(Exception):
    """What the SDK threw, with the fields that a program would look at."""

    def __init__(self, fields):
        super().__init__(fields["message"])
        self.fields = fields

    def __getattr__(self, name):
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(name) from None


class Sdk:
    """The vendor's Node SDK in a process of its own, pointed at `origin` by its documented environment variables."""

    def __init__(self, test, origin, **environment):
        everywhere = dict.fromkeys(("SMARTCAR_API_ORIGIN", "SMARTCAR_API_V3_ORIGIN", "SMARTCAR_MANAGEMENT_API_ORIGIN",
                                    "SMARTCAR_AUTH_ORIGIN"), origin)
        self.process = subprocess.Popen(
            ["node", "--no-warnings", HERE / "sdk.js"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | everywhere | {"KEYFOB_NODE_PACKAGES": str(PACKAGES)} | environment)
        test.addCleanup(self.close)

    def close(self):
        self.process.stdin.close()
        self.process.wait(harness.PATIENCE)
        self.process.stdout.close()

    def send(self, method, *args, **target):
        self.process.stdin.write(json.dumps(target | {"method": method, "args": args}) + "\n")
        self.process.stdin.flush()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the SDK's process ended")
        outcome = json.loads(line)
        if "error" in outcome:
            raise SdkError(outcome["error"])
        return outcome.get("ok")

    def call(self, method, *args, **target):
        self.send(method, *args, **target)
        return self.read()

    def vehicle(self, vehicle, token, **options):
        return SdkVehicle(self, {"id": vehicle, "token": token, "options": options})


class SdkVehicle:
    def __init__(self, sdk, target):
        self.sdk, self.target = sdk, target

    def __call__(self, method, *args):
        return self.sdk.call(method, *args, vehicle=self.target)
