"""What the running daemon may do, and what it leaves when it ends badly: out of memory, by a fault, by a signal."""

import contextlib
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import unittest

import harness

UNIT = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "keyfob.service"
NET_BIND_SERVICE = 1 << 10


class Leavings(harness.Case):
    """Nothing that is left may hold a token, a secret or a key."""

    def setUp(self):
        super().setUp()
        self.pairs = [self.world.import_grant(f"u{i}") for i in range(5)]
        for i in range(5):
            self.token_of(f"user=u{i}")
        self.secrets = [harness.CLIENT_SECRET, self.world.api_key.split("_", 2)[2],
                        *(pair[kind] for pair in self.pairs for kind in ("access_token", "refresh_token"))]

    def assert_nothing_left(self):
        for directory in (self.world.root, self.world.home, pathlib.Path.cwd(), pathlib.Path("/tmp")):
            found = [file for file in directory.glob("*core*") if file.is_file()
                     and file.stat().st_mtime > self.world.config_file.stat().st_mtime]
            self.assertEqual(found, [], "core dumps")
        for file in self.world.root.rglob("*"):
            # The simulator writes what it is asked; it is the provider.
            if not file.is_file() or file.name == "sim.log":
                continue
            content = file.read_bytes()
            for secret in self.secrets:
                self.assertNotIn(secret.encode(), content, file)

    def assert_all_there(self):
        for i, pair in enumerate(self.pairs):
            self.assertEqual(self.token_of(f"user=u{i}"), pair["access_token"])

    def test_ended_by_a_signal_that_dumps_it_leaves_no_dump(self):
        for number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGQUIT):
            self.world.daemon.signal(number)
            self.world.daemon.wait()
            self.assert_nothing_left()
            self.world.serve()
        self.assert_all_there()

    def test_out_of_memory_it_loses_nothing_and_shows_nothing(self):
        pid = self.world.daemon.pid
        size = int(re.search(r"(?m)^VmSize:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024
        before = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (size, before[1]))
        kept = {}
        for i in range(60):
            if not self.world.daemon.running():
                break
            pair = self.sim.issue(client_id=harness.CLIENT_ID)
            self.secrets += [pair["access_token"], pair["refresh_token"]]
            body = {"user": f"m{i}", "vehicles": pair["vehicles"], "access_token": pair["access_token"],
                    "refresh_token": pair["refresh_token"], "expires_in": 7200, "scope": "s" * (1 + 300 * (i % 5))}
            with contextlib.suppress(OSError, harness.http.client.HTTPException):
                if self.world.api("POST", "/v1/grants", body).status == 201:
                    kept[f"m{i}"] = pair["access_token"]
            with contextlib.suppress(OSError, harness.http.client.HTTPException):
                self.world.api("POST", "/v1/grants", {"user": "x" * 900_000})
        if self.world.daemon.running():
            resource.prlimit(pid, resource.RLIMIT_AS, before)
            self.world.daemon.stop()
        else:
            self.world.daemon.wait()
        self.assert_nothing_left()
        self.world.serve()
        self.assert_all_there()
        for user, token in kept.items():
            self.assertEqual(self.token_of(f"user={user}"), token)


class Rights(harness.Case):
    def status(self):
        return dict(re.findall(r"(?m)^(\w+):\s+(\S+)$", pathlib.Path(f"/proc/{self.world.daemon.pid}/status").read_text()))

    def test_it_has_no_rights_that_it_does_not_need_and_gets_none(self):
        status = self.status()
        self.assertEqual(status["NoNewPrivs"], "1")
        for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            self.assertEqual(int(status[kind], 16) & ~NET_BIND_SERVICE, 0, kind)


class Unit(unittest.TestCase):
    def analyze(self, *arguments):
        program = shutil.which("systemd-analyze")
        if program is None:
            self.skipTest("systemd-analyze is not installed")
        return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)

    def test_the_unit_is_rated_as_well_protected(self):
        done = self.analyze("security", "--offline=true", "--threshold=20", str(UNIT))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"Overall exposure level for keyfob.service: [01]\.\d")

    def test_the_unit_has_no_key_that_systemd_does_not_know(self):
        done = self.analyze("verify", str(UNIT))
        complaints = [line for line in done.stderr.splitlines() if "keyfob.service" in line and "is not executable" not in line]
        self.assertEqual(complaints, [])


if __name__ == "__main__":
    harness.main()
