#!/usr/bin/env python3
"""Full, read-only and lying disks: what the provider answered is kept, served and stored later, across kills.

At a strict provider, where a second use of a refresh token is refused, so that nothing but the spool can save a grant.
"""

import contextlib
import os
import resource
import subprocess
import sys
import unittest

import fleet
import harness
import steps
from harness import eventually

GRANTS = 8


class Disk(unittest.TestCase):
    def setUp(self):
        self.fleet = fleet.Fleet(GRANTS, 5, strict=True)
        self.addCleanup(self.fleet.close)
        self.world, self.sim = self.fleet.world, self.fleet.sim

    def tmpfs(self):
        """Moves the directory of this Keyfob, which is down, to a small disk of its own."""
        home = self.world.home
        contents = {p.relative_to(home): p.read_bytes() for p in home.rglob("*")
                    if p.is_file() and p.name != "audit-counts"}  # larger than this disk; a new one is made
        options = ["-t", "tmpfs", "-o", "size=32m,mode=0700", "tmpfs", str(home)]
        mounted = subprocess.run(["mount", *options], capture_output=True, check=False) if os.geteuid() == 0 else None
        if mounted is None or mounted.returncode != 0:
            print("SKIPPED: this machine does not let us mount a tmpfs", file=sys.stderr, flush=True)
            self.skipTest("this machine does not let us mount a tmpfs")
        self.addCleanup(subprocess.run, ["umount", "-l", str(home)], check=False)
        for name, content in contents.items():
            (home / name).parent.mkdir(mode=0o700, exist_ok=True)
            (home / name).write_bytes(content)
            (home / name).chmod(0o600)

    def log_is_long(self):
        """So that no commit fits into what the database's log has already."""
        while self.world.database.with_name("keyfob.db-wal").stat().st_size < 65536:
            self.fleet.check_refreshable()

    def served_from_the_spool(self):
        """The answers come while the store refuses them."""
        generations = self.fleet.generations()
        self.fleet.let_go()
        eventually(self.fleet.lacking_none, "every grant is served with what the provider answered")
        self.assertEqual(self.fleet.generations(), generations, "the store has none of it")

    def well_again(self):
        self.fleet.check()
        self.fleet.check_refreshable()
        refresh = self.sim.stats()["refresh"]
        self.assertEqual((refresh["second_uses"], refresh["late_uses"], refresh["refused"]), (0, 0, {}))


class Full(Disk):
    def test_killed_with_the_pairs_in_the_spool(self):
        for _ in range(4):
            self.log_is_long()
            self.fleet.hold()
            steps.fill_disk(self.fleet)
            self.served_from_the_spool()
            self.assertEqual(len(self.fleet.spooled()), GRANTS)
            self.fleet.kill()
            self.fleet.serve()
            self.well_again()

    def test_killed_and_started_with_the_disk_still_full(self):
        self.log_is_long()
        self.fleet.hold()
        steps.fill_disk(self.fleet)
        self.served_from_the_spool()
        for _ in range(3):
            self.fleet.kill()
            self.fleet.serve(preexec=harness.file_size_limit(32768))
            self.assertEqual(self.fleet.lacking(), [])
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self.fleet.daemon.pid, resource.RLIMIT_FSIZE, unlimited)
        self.well_again()

    def test_a_real_small_disk(self):
        self.fleet.daemon.stop()
        self.tmpfs()
        self.fleet.serve()
        self.fleet.hold()
        filler = self.world.home / "filler"
        with contextlib.suppress(OSError), open(filler, "ab", buffering=0) as file:
            while file.write(b"\0" * 4096):
                pass
        self.served_from_the_spool()
        for _ in range(3):
            self.fleet.kill()
            self.fleet.serve()
            self.assertEqual(self.fleet.lacking(), [])
        filler.unlink()
        self.well_again()


class ReadOnly(Disk):
    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.world.home)], capture_output=True, check=True)

    def test_a_read_only_disk_stops_the_start_with_the_reason(self):
        self.fleet.daemon.stop()
        self.tmpfs()
        self.remount("ro")
        requests = self.fleet.requests()
        done = self.world.cli("serve")
        self.assertEqual(done.code, 1, done)
        self.assertRegex(done.err, "(?i)read-only file system.*\nhint: ")
        self.assertEqual(self.fleet.requests(), requests)
        self.remount("rw")
        self.fleet.serve()
        self.well_again()

    def test_a_store_that_takes_no_write_any_more_serves_on_and_sends_nothing(self):
        requests = self.fleet.requests()
        resource.prlimit(self.fleet.daemon.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        self.fleet.refresh_all()
        self.assertEqual(set(self.fleet.answered()), {503})
        self.assertEqual(self.fleet.requests(), requests, "nothing is sent without a durable attempt")
        self.assertEqual(self.fleet.lacking(), [], "what is good is still served")
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self.fleet.daemon.pid, resource.RLIMIT_FSIZE, unlimited)
        self.well_again()


if __name__ == "__main__":
    harness.main()
