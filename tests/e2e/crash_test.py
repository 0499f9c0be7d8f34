"""kill -9 between the provider's answer and the commit, and a store that refuses the commit: no grant is lost."""

import contextlib
import os
import random
import resource
import subprocess
import threading

import harness
from harness import eventually, exchange

KILLS = 12


class Killed(harness.Case):
    def begin_refresh(self, pair):
        """A caller that waits for a refresh which the provider has carried out and not answered yet."""
        origin, key = self.world.daemon.origin, self.world.api_key

        def ask():
            with contextlib.suppress(OSError, harness.http.client.HTTPException):
                exchange(origin, "POST", f"/v1/grants/{pair['grant']}/refresh", headers={"Authorization": f"Bearer {key}"})
        caller = threading.Thread(target=ask)
        caller.start()
        return caller

    def check_recovered(self, pair, generation):
        """The grant serves, and the refresh token that was stored is the provider's newest."""
        token = self.token_of(f"user={pair['user']}")
        self.assertTrue(self.sim.inspect(token)["live"])
        eventually(lambda: self.world.grant(pair["grant"])["generation"] > generation, "the new pair is stored")
        grant = self.world.grant(pair["grant"])
        self.assertEqual((grant["status"], grant["generation"]), ("active", generation + 1))
        self.assertEqual(self.sim.late_uses(), 0)

    def test_at_different_moments_between_answer_and_commit(self):
        pairs = [self.world.import_grant(f"user-{i}") | {"user": f"user-{i}"} for i in range(3)]
        chance = random.Random(7)
        for kill in range(KILLS):
            with self.subTest(kill=kill):
                pair = pairs[kill % len(pairs)]
                generation = self.world.grant(pair["grant"])["generation"]
                rotations = self.sim.rotations()
                self.sim.fault("hold", user=pair["user_id"])
                caller = self.begin_refresh(pair)
                eventually(lambda: self.sim.stats()["held"] == 1, "the provider has rotated and holds its answer")
                self.assertEqual(self.sim.rotations(), rotations + 1)
                if kill % 4:  # else: before any of the answer is on its way
                    self.sim.post("release")
                    threading.Event().wait(chance.choice((0, 0.0005, 0.001, 0.002, 0.004, 0.008)))
                self.world.daemon.kill()
                self.sim.post("release")
                caller.join()
                self.world.serve()
                self.check_recovered(pair, generation)
        for pair in pairs:  # the refresh tokens in the store open the next generation
            self.assert_answer(self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh"), 200)
        stats = self.sim.stats()
        self.assertEqual((stats["late_uses"], stats["refresh"]["refused"]), (0, {}))

    def test_the_answer_was_dropped_and_the_daemon_killed(self):
        pair = self.world.import_grant("ann") | {"user": "ann"}
        generation = self.world.grant(pair["grant"])["generation"]
        self.sim.fault("drop_after_rotation", times=0)
        caller = self.begin_refresh(pair)
        eventually(lambda: self.sim.rotations() == 1, "the provider has rotated")
        self.world.daemon.kill()
        caller.join()
        self.sim.clear_faults()
        self.world.serve()
        self.check_recovered(pair, generation)
        self.assertGreaterEqual(self.sim.stats()["refresh"]["second_uses"], 1)  # it was the reuse window that saved it

    def test_recovery_comes_before_the_first_request(self):
        pair = self.world.import_grant("ann", expires_in=0) | {"user": "ann"}
        self.sim.fault("hold")
        caller = self.begin_refresh(pair)
        eventually(lambda: self.sim.stats()["held"] == 1, "the provider has rotated and holds its answer")
        self.world.daemon.kill()
        self.sim.post("release")
        caller.join()
        self.world.serve()
        second_uses = eventually(lambda: self.sim.stats()["refresh"]["second_uses"], "recovery without a caller")
        self.assertEqual(second_uses, 1)

    def test_two_daemons_never_share_a_state_directory(self):
        second = self.world.cli("serve")
        self.assertNotEqual(second.code, 0)
        self.assertIn("state", second.err)
        self.assertEqual(self.world.api("GET", "/readyz").status, 200)


class Full:
    """The store refuses the commit of a refresh whose answer is already there. `fill` and `unfill` say how."""

    def setUp(self):
        super().setUp()
        self.pairs = [self.world.import_grant(f"user-{i}") for i in range(12)]
        self.pair = self.pairs[0]

    def spooled(self):
        return self.world.cli_ok("status", json_out=True).json["spooled"]

    def refresh_into_a_full_store(self):
        """The attempt is durable, the provider has rotated, and then there is no room. The new token."""
        self.sim.fault("hold")
        caller = threading.Thread(target=lambda: self.world.api("POST", f"/v1/grants/{self.pair['grant']}/refresh"))
        caller.start()
        eventually(lambda: self.sim.stats()["held"] == 1, "the provider has rotated and holds its answer")
        self.fill()
        self.sim.post("release")
        token = eventually(self.new_token, "the new token is served from the spool")
        caller.join()
        self.assertTrue(self.sim.inspect(token)["live"])
        self.assertEqual(self.spooled(), 1)
        return token

    def new_token(self):
        answer = self.world.api("GET", "/v1/token?user=user-0")
        token = answer.json.get("access_token")
        return token if answer.status == 200 and token != self.pair["access_token"] else None

    def check_stored(self, token):
        eventually(lambda: self.spooled() == 0, "the pair moves from the spool into the store")
        self.assertEqual(self.token_of("user=user-0"), token)
        grant = self.world.grant(self.pair["grant"])
        self.assertEqual((grant["status"], grant["generation"]), ("active", 2))
        self.assert_answer(self.world.api("POST", f"/v1/grants/{self.pair['grant']}/refresh"), 200)
        for i in range(12):
            self.assertEqual(self.world.api("GET", f"/v1/token?user=user-{i}").status, 200)
        self.assertEqual((self.sim.rotations(), self.sim.late_uses()), (2, 0))

    def test_served_from_the_spool_and_stored_once_there_is_room(self):
        token = self.refresh_into_a_full_store()
        for i in range(1, 12):
            self.assertEqual(self.token_of(f"user=user-{i}"), self.pairs[i]["access_token"])
        self.unfill()
        self.check_stored(token)

    def test_nothing_is_lost_when_the_daemon_is_killed_meanwhile(self):
        token = self.refresh_into_a_full_store()
        self.world.daemon.kill()
        self.unfill()
        self.world.serve()
        self.check_stored(token)

    def test_nothing_is_lost_when_the_disk_is_still_full_after_the_restart(self):
        token = self.refresh_into_a_full_store()
        self.world.daemon.stop()
        self.restart_full()
        self.assertEqual(self.token_of("user=user-0"), token)
        self.unfill()
        self.check_stored(token)


# With a strict provider a second use of the refresh token would be refused: nothing but the spool can save the grant.
STRICT = ("--rotation", "strict")
STRICT_CONFIG = {("providers.smartcar", "reuse_window"): '"0s"', ("providers.smartcar", "late_reuse"): "false"}


class FileSizeLimit(Full, harness.Case):
    """No file may grow: what a full disk looks like to a process, without any right to mount."""

    sim_options = STRICT
    config = STRICT_CONFIG

    def limit(self):
        wal = self.world.database.with_name("keyfob.db-wal")
        size = wal.stat().st_size if wal.exists() else 0
        return max(size, 65536)  # the first cells of the spool stay writable: they are below this offset

    def fill(self):
        self.assertGreaterEqual(self.world.database.with_name("keyfob.db-wal").stat().st_size, 65536)
        resource.prlimit(self.world.daemon.pid, resource.RLIMIT_FSIZE, (self.limit(), resource.RLIM_INFINITY))

    def unfill(self):
        if self.world.daemon.running():
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(self.world.daemon.pid, resource.RLIMIT_FSIZE, unlimited)

    def restart_full(self):
        self.world.serve(preexec=harness.file_size_limit(32768))


class SmallDisk(Full, harness.Case):
    """A real full disk: a small tmpfs with database and spool on it."""

    sim_options = STRICT
    config = STRICT_CONFIG
    start = False

    def setUp(self):
        harness.Case.setUp(self)
        options = ["-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(self.world.home)]
        contents = {p.name: p.read_bytes() for p in self.world.home.iterdir()}
        mounted = subprocess.run(["mount", *options], capture_output=True, check=False) if os.geteuid() == 0 else None
        if mounted is None or mounted.returncode != 0:
            self.skipTest("this machine does not let us mount a tmpfs; FileSizeLimit tests the same without")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.world.home)], check=False)
        for name, content in contents.items():
            (self.world.home / name).write_bytes(content)
            (self.world.home / name).chmod(0o600)
        self.world.start()
        self.pairs = [self.world.import_grant(f"user-{i}") for i in range(12)]
        self.pair = self.pairs[0]
        self.filler = self.world.home / "filler"

    def fill(self):
        with contextlib.suppress(OSError), open(self.filler, "ab", buffering=0) as filler:
            while filler.write(b"\0" * 4096):
                pass

    def unfill(self):
        self.filler.unlink()

    def restart_full(self):
        with contextlib.suppress(OSError):
            self.fill()
        self.world.serve()


if __name__ == "__main__":
    harness.main()
