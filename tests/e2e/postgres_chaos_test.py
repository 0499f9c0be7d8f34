"""Three nodes, a primary and a synchronous standby, grants that expire all the time, and everything that can fail.

Prints one line for each event: for how long each node gave no good answer, how many answers were no 200, and at the end
what became of the grants.
"""

import collections
import contextlib
import pathlib
import random
import shutil
import signal
import tempfile
import threading
import time

import harness
import postgres
from harness import eventually

USERS = 40
QUICK = ("fsync = off",)
TIMES = {("refresh", "lease"): '"4s"', ("refresh", "timeout"): '"2s"', ("refresh", "min_validity"): '"1s"',
         ("refresh", "ahead"): '"2s"', ("cache", "max_staleness"): '"2s"'}


class Load:
    """Two callers for each node, that ask for random users' tokens; what was answered when."""

    def __init__(self, nodes, users):
        self.nodes, self.users = nodes, users
        self.answers = collections.deque()  # (when, node, good)
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(i % len(nodes), i)) for i in range(2 * len(nodes))]
        for thread in self.threads:
            thread.start()

    def work(self, number, seed):
        dice, node = random.Random(seed), self.nodes[number]
        while not self.ending.wait(0.01):
            good = False
            with contextlib.suppress(OSError, AttributeError):
                answer = harness.exchange(node.daemon.origin, "GET", f"/v1/token?user={dice.choice(self.users)}",
                                          headers={"Authorization": f"Bearer {node.api_key}"}, patience=8)
                good = answer.status == 200
            self.answers.append((time.monotonic(), number, good))

    def since(self, begin):
        """([each node's longest time without a good answer], good answers, others)"""
        seen = [a for a in list(self.answers) if a[0] >= begin]
        gaps = []
        for node in range(len(self.nodes)):
            times = [begin] + [when for when, who, good in seen if good and who == node] + [time.monotonic()]
            gaps.append(max(later - sooner for sooner, later in zip(times, times[1:])))
        good = sum(1 for _, _, fine in seen if fine)
        return gaps, good, len(seen) - good

    def stop(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()


class Cluster(harness.Case):
    start = False
    rotation = ("--reuse-window", "12")

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-chaos-"))
        self.root.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.primary = self.server("primary")
        self.standby = self.server("standby", self.primary)
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        self.primary.sql("SELECT pg_reload_conf()")
        eventually(lambda: self.primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync", "it is synchronous")
        self.bouncer = postgres.PgBouncer(self.root, self.primary)
        self.addCleanup(self.bouncer.stop)
        self.world = harness.World(None, ("--access-ttl", "6", *self.rotation), ("--store", self.primary.url()))
        self.addCleanup(self.world.close)
        self.sim = self.world.sim
        self.nodes, self.cables, self.leads = [], [], []
        for number in range(3):
            self.nodes.append(self.add_node(number))
        self.world.daemon = self.nodes[0].daemon
        self.world.add_app()
        key = self.world.add_caller("backend", "gateway,token:read,grant:read,grant:write,grant:revoke")
        for node in (self.world, *self.nodes):
            node.api_key = key
        for node in self.nodes:
            eventually(lambda n=node: n.api("GET", "/v1/grants").status == 200, "the node knows the caller")
        self.users = [f"user-{i}" for i in range(USERS)]
        for user in self.users:
            self.world.import_grant(user, expires_in=1)

    def server(self, name, copy_of=None):
        # The standby's own settings say that it waits for nobody, should it become the primary.
        settings = (*QUICK, "synchronous_standby_names = ''")
        server = postgres.Server(self.root, name, settings, copy_of)
        self.addCleanup(server.crash)
        return server

    def proxy(self, port):
        proxy = postgres.Proxy(port)
        self.addCleanup(proxy.close)
        return proxy

    def add_node(self, number):
        """Its way to each server and to the provider can be cut. The last one goes through PgBouncer."""
        pooled = number == 2
        ways = [self.proxy(p) for p in ((self.bouncer.port,) if pooled else (self.primary.port, self.standby.port))]
        lead = self.proxy(int(self.sim.origin.rsplit(":", 1)[1]))
        hosts = ",".join(f"127.0.0.1:{way.port}" for way in ways)
        config = TIMES | {("store", "url"): f'"postgresql://keyfob@{hosts}/postgres?connect_timeout=2"',
                          ("providers.smartcar", "all_origins"): f'"http://127.0.0.1:{lead.port}"',
                          ("providers.smartcar", "reuse_window"): '"12s"'}
        if pooled:
            direct = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
            config |= {("store", "pooler"): '"transaction"',
                       ("store", "listen_url"): f'"postgresql://keyfob@{direct}/postgres"'}
        node = postgres.Node(self.world, config)
        self.addCleanup(node.close)
        node.serve()
        self.cables.append(ways)
        self.leads.append(lead)
        return node

    def event(self, load, name, happen, seconds):
        begin = time.monotonic()
        before = self.sim.rotations()
        happen()
        time.sleep(max(0.0, begin + seconds - time.monotonic()))  # the load goes on meanwhile; nothing is waited for
        gaps, good, bad = load.since(begin)
        print(f"  {name:<42} without service (ms): " + " ".join(f"{gap * 1000:5.0f}" for gap in gaps) +
              f"   {good:5} served, {bad:4} refused, {self.sim.rotations() - before:4} rotations", flush=True)

    # --- what happens ----------------------------------------------------------------------------------------------

    def kill_and_restart(self, number):
        self.nodes[number].daemon.kill()
        time.sleep(1)  # time in which the others have to do its work
        self.nodes[number].serve()

    def pause_beyond_the_lease(self, number):
        self.nodes[number].daemon.signal(signal.SIGSTOP)
        time.sleep(5.5)  # the lease is 4 s
        self.nodes[number].daemon.signal(signal.SIGCONT)

    def cut(self, proxies, seconds):
        for proxy in proxies:
            proxy.cut()
        time.sleep(seconds)
        for proxy in proxies:
            proxy.mend()

    def fail_over(self):
        begin = time.monotonic()
        self.primary.crash()
        self.standby.promote()
        eventually(lambda: self.standby.sql("SELECT pg_is_in_recovery()") == "f", "it takes over")
        print(f"    the standby takes writes {(time.monotonic() - begin) * 1000:.0f} ms after the kill", flush=True)
        self.bouncer.point_at(self.standby)

    def settle(self):
        """After the last fault every grant that can be is fresh, on every node."""
        def all_fresh():
            return all(node.api("GET", f"/v1/token?user={user}").status == 200
                       for node in self.nodes for user in self.users)
        eventually(all_fresh, "every grant is fresh everywhere", patience=40)

    def lost(self):
        listed = self.nodes[0].api("GET", "/v1/grants?limit=1000").json["grants"]
        return [g["user"] for g in listed if g["status"] not in ("active",)]


class Chaos(Cluster):
    def test_no_grant_is_lost_whatever_fails(self):
        self.sim.fault("delay", delay_ms=100, times=0)  # so that kills find answers on the wire
        load = Load(self.nodes, self.users)
        self.addCleanup(load.stop)
        print(flush=True)
        self.event(load, "nothing fails", lambda: None, 5)
        self.event(load, "kill -9 of a node, restart", lambda: self.kill_and_restart(1), 5)
        self.event(load, "a node sleeps beyond its lease", lambda: self.pause_beyond_the_lease(0), 7)
        self.event(load, "PgBouncer restarts", self.bouncer.restart, 4)
        self.event(load, "a node is cut from the database", lambda: self.cut(self.cables[0], 5), 9)
        self.event(load, "a node is cut from the provider", lambda: self.cut([self.leads[1]], 5), 8)
        self.event(load, "the primary dies, the standby takes over", self.fail_over, 8)
        self.event(load, "kill -9 of two nodes at once, restart",
                   lambda: (self.nodes[0].daemon.kill(), self.kill_and_restart(2), self.nodes[0].serve()), 6)
        self.event(load, "nothing fails", lambda: None, 3)
        load.stop()
        self.settle()
        stats = self.sim.stats()
        print(f"  {stats['rotations']} rotations, {stats['refresh']['second_uses']} second uses inside the window, "
              f"{stats['late_uses']} outside; lost: {len(self.lost())}", flush=True)
        self.assertEqual(self.lost(), [])
        self.assertEqual(stats["late_uses"], 0)
        self.assertGreater(stats["rotations"], 200)


class Strict(Cluster):
    """A provider that kills a refresh token at its first use: what was on the wire when a node died cannot be saved."""

    rotation = ("--rotation", "strict")

    def test_only_what_was_on_the_wire_is_lost(self):
        self.sim.fault("delay", delay_ms=600, times=0)
        load = Load(self.nodes, self.users)
        self.addCleanup(load.stop)
        on_the_wire = set()
        for number in (0, 1, 0, 1):
            time.sleep(1.5)
            self.nodes[number].daemon.kill()
            held = self.primary.sql("SELECT user_id FROM grants WHERE attempt_id IS NOT NULL")
            on_the_wire |= set(held.split())
            self.nodes[number].serve()
        load.stop()
        lost = {user for user in self.users
                if eventually(lambda u=user: self.nodes[0].api("GET", f"/v1/token?user={u}"), "an answer").status != 200}
        print(f"\n  strict provider: {self.sim.rotations()} rotations, 4 kills, {len(on_the_wire)} attempts under way at "
              f"a kill, {len(lost)} grants lost", flush=True)
        self.assertLessEqual(lost, on_the_wire)


if __name__ == "__main__":
    harness.main()
