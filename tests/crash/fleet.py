"""A Keyfob with many grants that is killed again and again, and the check that nothing was lost.

The simulator's clock is manual: it stands still from the first use of a refresh token until the grant is whole again, and
is moved past the reuse window after each check. So what was not recovered by then is lost, however slow the machine is,
and every use of a refresh token outside its window counts in the simulator's statistics.
"""

import contextlib
import hashlib
import os
import pathlib
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import harness  # noqa: E402
from harness import eventually, exchange  # noqa: E402

WINDOW = 5  # seconds of the simulator's clock
TIMING = {("refresh", "timeout"): '"1s"', ("refresh", "lease"): '"2s"', ("refresh", "ahead"): '"60s"',
          ("providers.smartcar", "reuse_window"): f'"{WINDOW}s"'}
STRICT = {("providers.smartcar", "reuse_window"): '"0s"', ("providers.smartcar", "late_reuse"): "false"}


def digest(token):
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()[:16]


class Fleet:
    """`size` grants on one Keyfob. `kills` counts what it survived, `in_spool` the pairs that were only in the spool then;
    `slowest` is the longest recovery, in seconds."""

    def __init__(self, size, seed, strict=False, clock="manual"):
        self.clock = clock
        rotation = ("--rotation", "strict") if strict else ("--reuse-window", str(WINDOW))
        config = TIMING | (STRICT if strict else {})
        self.chance = random.Random(seed)
        self.kills, self.slowest, self.in_spool, self.waiting = 0, 0.0, 0, []
        self.world = harness.World(config, ("--clock", clock, "--seed", str(seed), *rotation))
        self.sim = self.world.sim
        self.strict = strict
        try:
            self.world.start()
            self.pairs = [self.world.import_grant(f"user-{i}") | {"user": f"user-{i}"} for i in range(size)]
        except BaseException:
            self.close()
            raise

    @property
    def daemon(self):
        return self.world.daemon

    def close(self):
        self.hang_up()
        self.world.close()

    # --- refreshes, and where they are -----------------------------------------------------------------------------

    def refresh_all(self):
        """Asks for a refresh of every grant, on a connection each, and waits for no answer."""
        parts = urllib.parse.urlsplit(self.daemon.origin)
        for pair in self.pairs:
            s = socket.create_connection((parts.hostname, parts.port), timeout=harness.PATIENCE)
            s.sendall(f"POST /v1/grants/{pair['grant']}/refresh HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: 0\r\n"
                      f"Authorization: Bearer {self.world.api_key}\r\n\r\n".encode())
            self.waiting.append(s)

    def hang_up(self):
        while self.waiting:
            self.waiting.pop().close()

    def answered(self):
        """Reads every answer to refresh_all(): the status codes."""
        codes = []
        for s in self.waiting:
            head = b""
            while b"\r\n" not in head and (piece := s.recv(4096)):
                head += piece
            codes.append(int(head.split(b" ", 2)[1]) if head else 0)
        self.hang_up()
        return codes

    def rows(self, statement):
        """Reads the database beside the daemon."""
        with contextlib.closing(sqlite3.connect(f"file:{self.world.database}?mode=ro", uri=True,
                                                timeout=harness.PATIENCE)) as database:
            return database.execute(statement).fetchall()

    def attempts(self):
        return self.rows("SELECT count(*) FROM grants WHERE attempt_id IS NOT NULL")[0][0]

    def generations(self):
        return self.rows("SELECT grant_id, generation FROM grants ORDER BY grant_id")

    def spooled(self):
        """The cells of the spool that hold a pair (docs/spec/spool.md)."""
        header, cell = 4096, 24576
        with open(self.world.home / "state" / "spool" / "spool", "rb") as file:
            size = file.seek(0, 2)
            marks = [os.pread(file.fileno(), 8, at) for at in range(header, size, cell)]
        return [i for i, mark in enumerate(marks) if mark == b"KFcell1\n"]

    def requests(self):
        return self.sim.stats()["refresh"]["requests"]

    def hold(self, kind="hold"):
        """Every refresh from now on gets as far as `kind` says; returns when all of them are there."""
        self.sim.fault(kind, times=0)
        self.refresh_all()
        self.wait_for_held()

    def wait_for_held(self):
        """On a slow machine a grant may have come back for its second try meanwhile."""
        try:
            eventually(lambda: self.sim.stats()["held"] >= len(self.pairs), "every request is held by the provider")
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.state()}") from None

    def state(self):
        """What can be seen from outside, for whoever has to find out why a step was not reached."""
        for s in self.waiting:
            s.settimeout(0.01)
        answers = []
        for s in self.waiting:
            with contextlib.suppress(OSError):
                answers.append(s.recv(4096).decode())
        rows = self.rows("SELECT user_id, status, generation, attempt_id, attempt_incarnation FROM grants")
        asked = [(r["number"], r["at"], r["user"], r["fault"], r["outcome"], r["credential"])
                 for r in self.sim.requests()[:3 * len(self.pairs)]]
        return "\n".join([f"simulator: {self.sim.stats()}", f"faults: {self.sim.get('fault')}", f"answers: {answers}",
                          *map(str, rows), *map(str, asked),
                          self.world.anonymous("GET", "/metrics").body.decode(), self.daemon.text()[-3000:]])

    def let_go(self):
        self.sim.clear_faults()
        self.sim.post("release")

    @contextlib.contextmanager
    def locked_store(self):
        """Another process is in the middle of a write transaction."""
        database = sqlite3.connect(self.world.database, timeout=harness.PATIENCE, isolation_level=None)
        try:
            database.execute("BEGIN IMMEDIATE")
            yield
        finally:
            database.close()

    def doze(self, longest):
        """A random while, in milliseconds; most of them short."""
        time.sleep(self.chance.random() ** 2 * longest / 1000)

    # --- kills ------------------------------------------------------------------------------------------------------

    def kill(self):
        self.daemon.kill()
        self.kills += 1
        self.in_spool += len(self.spooled())
        self.hang_up()

    def serve(self, **how):
        self.world.serve(**how)

    def start_and_kill(self, longest):
        """A start that is cut short."""
        process = subprocess.Popen([harness.BIN / "keyfob", "--config", self.world.config_file, "serve"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.doze(longest)
        process.kill()
        process.wait()
        self.kills += 1

    def pause(self, seconds, meanwhile=lambda: None):
        """SIGSTOP for a while; what `meanwhile` does happens at once."""
        self.daemon.signal(signal.SIGSTOP)
        end = time.monotonic() + seconds
        meanwhile()
        time.sleep(max(0.0, end - time.monotonic()))
        self.daemon.signal(signal.SIGCONT)

    # --- the check --------------------------------------------------------------------------------------------------

    def check(self):
        """Every grant serves the provider's newest pair and can be refreshed, no attempt is left over, nothing was refused or
        used late. Afterwards no refresh is under way: a caller who comes while one lands gets its result."""
        began = time.monotonic()
        eventually(lambda: self.attempts() == 0, f"every attempt ends; the daemon said:\n{self.daemon.text()[-2000:]}")
        eventually(self.lacking_none, "every grant serves the provider's newest access token")
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.hang_up()
        self.refresh_all()
        codes = self.answered()
        if codes != [200] * len(self.pairs) or self.lacking():
            raise AssertionError(f"not refreshable: {codes} {self.lacking()}\n{self.state()}")
        self.check_statistics()
        if self.clock == "manual":
            self.sim.post("advance", seconds=WINDOW + 1)

    def check_statistics(self):
        refresh = self.sim.stats()["refresh"]
        if (refresh["late_uses"], refresh["refused"]) != (0, {}):
            raise AssertionError(f"a refresh token was used outside its window: {refresh}")

    def lacking(self):
        """The users whose grant is not served with the provider's newest access token."""
        newest = {g["user"]: g["newest_access_token"] for g in self.sim.get("grants")["grants"]}
        out = []
        for pair in self.pairs:
            answer = self.world.api("GET", f"/v1/token?user={pair['user']}")
            if answer.status != 200 or digest(answer.json["access_token"]) != newest[pair["user_id"]]:
                out.append((pair["user"], answer.status, answer.code))
        return out

    def lacking_none(self):
        return not self.lacking()

    def check_refreshable(self):
        """The stored refresh token of every grant is the provider's current one: each is used for the first time now."""
        self.check()
        before = self.sim.stats()["refresh"]
        self.refresh_all()
        codes = self.answered()
        if codes != [200] * len(self.pairs):
            raise AssertionError(f"not refreshable: {codes}\n{self.state()}")
        after = self.sim.stats()["refresh"]
        wanted = (before["rotations"] + len(self.pairs), before["second_uses"])
        if (after["rotations"], after["second_uses"]) != wanted:
            raise AssertionError(f"some stored refresh token was not the newest: {before} then {after}")
        self.check_statistics()
