"""Keyfob on PostgreSQL: one node, the CLI as one more node, many nodes on expired grants, what others learn and when."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import time

import harness
import postgres
from harness import eventually, together

QUICK = ("fsync = off",)


class OnPostgres(harness.Case):
    """A server, and `nodes` Keyfobs over it; self.world is the first of them."""

    nodes = 1
    settings = QUICK

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-pg-"))
        self.root.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.server = postgres.Server(self.root, settings=self.settings)
        self.addCleanup(self.server.crash)
        self.world = harness.World(self.config, self.sim_options, ("--store", self.store_url()))
        self.addCleanup(self.world.close)
        self.sim = self.world.sim
        self.world.start()
        self.all = [self.world]
        for _ in range(1, self.nodes):
            node = postgres.Node(self.world)
            self.addCleanup(node.close)
            node.serve()
            self.all.append(node)

    def store_url(self):
        return self.server.url()

    def seen_by(self, node, query, key=None):
        return node.api("GET", f"/v1/token?{query}", key=key)


class OneNode(OnPostgres):
    def test_the_main_job(self):
        pair = self.world.import_grant("ann", expires_in=0)
        token = self.token_of("user=ann")
        self.assertNotEqual(token, pair["access_token"])
        self.assertEqual(self.sim.rotations(), 1)
        answer = self.world.api("GET", f"/v2.0/vehicles/{pair['vehicle']}/odometer")
        self.assertEqual(answer.status, 200, answer)
        self.world.daemon.kill()
        self.world.serve()
        self.assertEqual(self.token_of("user=ann"), token)
        self.assert_answer(self.world.api("DELETE", f"/v1/grants/{pair['grant']}"), 204)
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 424, "revoked")

    def test_no_token_is_in_the_database_in_any_form(self):
        pair = self.world.import_grant("ann", expires_in=0)
        token = self.token_of("user=ann")
        self.server.sql("CHECKPOINT")
        planted = [token, pair["access_token"], pair["refresh_token"], harness.CLIENT_SECRET]
        forms = {form for secret in planted for form in harness.forms_of(secret)}
        for file in self.server.data.rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                found = [form for form in forms if form in content]
                self.assertEqual(found, [], file)

    def test_the_command_line_is_one_more_node(self):
        pair = self.world.import_grant("ann")
        self.world.daemon.stop()
        grants = self.world.cli_ok("grant", "list", json_out=True).json["grants"]
        self.assertEqual([g["id"] for g in grants], [pair["grant"]])
        again = self.world.cli("init", "--dir", self.root / "other", "--store", self.server.url())
        self.assertNotEqual(again.code, 0, "another master key over existing data")

    def test_the_console_makes_every_call_of_its_pages(self):
        """What tests/browser does on SQLite, without the browser."""
        pair = self.world.import_grant("ann")
        self.world.import_grant("bob")
        key = self.world.add_caller("anna", "admin", app=None)
        own = {"Keyfob-Console": "1", "Origin": self.world.daemon.origin}
        signed_in = self.world.anonymous("POST", "/console/session", {"api_key": key}, own)
        self.assertEqual(signed_in.status, 200, signed_in)
        own["Cookie"] = signed_in.headers["set-cookie"].split(";")[0]

        def ask(path, method="GET", status=200, body=None):
            answer = self.world.anonymous(method, f"/console/api/{path}", body, own)
            self.assertEqual(answer.status, status, answer)
            return answer.json if answer.body else None
        named = f"grants/{pair['grant']}"
        self.assertEqual(ask("status")["outbox"], [])
        self.assertEqual([app["name"] for app in ask("apps")["apps"]], [harness.APP])
        for query in ("user=ann", f"vehicle={pair['vehicle']}"):
            self.assertEqual([g["id"] for g in ask(f"grants?app={harness.APP}&{query}")["grants"]], [pair["grant"]])
        self.assertEqual(ask(f"{named}/refresh?app={harness.APP}", "POST")["generation"], 2)
        self.assertEqual(ask(f"{named}?app={harness.APP}")["status"], "active")
        self.assertTrue(ask(f"{named}/outlook?app={harness.APP}")["renew_by"])
        self.assertGreaterEqual(sum(ask("history")["refreshed"]), 1)
        self.assertIn("grant.refreshed", [e["action"] for e in ask(f"audit?subject={pair['grant']}")["entries"]])
        self.assertTrue(ask(f"connect?app={harness.APP}", "POST", 201, {"user": "cat"})["url"])
        ask(f"{named}?app={harness.APP}", "DELETE", 204)
        census = ask("census")
        self.assertEqual((census["grants"]["active"], census["grants"]["revoked"]), (1, 1))
        self.assertEqual(census["renewals"]["overdue"] + sum(census["renewals"]["days"]) + census["renewals"]["later"], 1)

    def test_an_empty_database_is_not_served_by_mistake(self):
        self.world.daemon.stop()
        self.server.sql("CREATE DATABASE empty")
        self.world.configure("store", "url", f'"{self.server.url(database="empty")}"')
        done = self.world.cli("grant", "list")
        self.assertNotEqual(done.code, 0)
        self.assertIn("no tables of Keyfob", done.err)


class ManyNodes(OnPostgres):
    nodes = 3
    config = {("cache", "max_staleness"): '"5s"'}

    def test_callers_of_all_nodes_on_expired_grants_cause_one_rotation_each(self):
        users = [f"user-{i}" for i in range(10)]
        for user in users:
            self.world.import_grant(user, expires_in=0)
        callers = [(node, user) for user in users for node in self.all for _ in range(3)]
        answers = together(len(callers), lambda i: self.seen_by(callers[i][0], f"user={callers[i][1]}"))
        self.assertEqual({a.status for a in answers}, {200}, [a for a in answers if a.status != 200][:3])
        for user in users:
            tokens = {a.json["access_token"] for a, (_, who) in zip(answers, callers) if who == user}
            self.assertEqual(len(tokens), 1, user)
        self.assertEqual(self.sim.rotations(), len(users))
        self.assertEqual(self.sim.late_uses(), 0)

    def test_a_revoke_is_known_everywhere_within_max_staleness(self):
        pair = self.world.import_grant("ann")
        for node in self.all:
            self.assertEqual(self.seen_by(node, "user=ann").status, 200)
        self.assert_answer(self.world.api("DELETE", f"/v1/grants/{pair['grant']}"), 204)
        done = time.monotonic()
        for node in self.all:
            eventually(lambda n=node: self.seen_by(n, "user=ann").code == "revoked", "the revoke is known", patience=15)
        self.assertLess(time.monotonic() - done, 5.0)

    def test_a_caller_made_on_one_node_is_known_on_all_and_disabled_on_all(self):
        self.world.import_grant("ann")
        key = self.world.add_caller("late", "token:read")
        for node in self.all:
            eventually(lambda n=node: self.seen_by(n, "user=ann", key).status == 200, "the caller is known", patience=15)
        self.all[1].cli_ok("caller", "disable", "late")
        for node in self.all:
            eventually(lambda n=node: self.seen_by(n, "user=ann", key).status == 401, "it is disabled", patience=15)


class Notified(OnPostgres):
    """Polling would take 20 s: what is known sooner was heard."""

    nodes = 3
    config = {("cache", "max_staleness"): '"60s"'}

    def test_a_rotation_is_known_everywhere_at_once(self):
        pair = self.world.import_grant("ann")
        for node in self.all:
            self.assertEqual(self.seen_by(node, "user=ann").status, 200)
        slowest = 0.0
        for turn in range(5):
            answer = self.all[turn % 3].api("POST", f"/v1/grants/{pair['grant']}/refresh")
            self.assertEqual(answer.status, 200, answer)
            done = time.monotonic()
            token = self.seen_by(self.all[turn % 3], "user=ann").json["access_token"]
            for node in self.all:
                eventually(lambda n=node: self.seen_by(n, "user=ann").json["access_token"] == token, "the new token")
            slowest = max(slowest, time.monotonic() - done)
        print(f"\n  all nodes knew of a rotation within {slowest * 1000:.0f} ms", flush=True)
        self.assertLess(slowest, 10, "that was polling, not a notification")


class ApplicationTokens(OnPostgres):
    """v3: one token for the whole application, fetched by whichever node needs it first."""

    nodes = 3
    config = {("refresh", "min_interval"): '"200ms"'}

    def setUp(self):
        super().setUp()
        self.sim.post("clients", client_id=harness.CLIENT_ID, v3_client_id="client_v3", v3_client_secret="planted-v3-secret")
        self.world.cli_ok("app", "set", harness.APP, "--v3-client-id", "client_v3", "--v3-client-secret", "-",
                          secret="planted-v3-secret")
        self.pair = self.sim.issue(client_id=harness.CLIENT_ID)
        self.world.import_grant("ann", pair=self.pair, provider_user=self.pair["user_id"])
        for node in self.all:
            told = lambda n=node: n.api("GET", "/v3/connections").status != 404
            eventually(told, "the node knows that the application has v3 credentials", patience=60)

    def fetched(self):
        return len(self.sim.requests("/oauth2/token"))

    def call_everywhere(self):
        path = f"/v3/vehicles/{self.pair['vehicles'][0]}"
        answers = together(6 * self.nodes, lambda i: self.all[i % self.nodes].api("GET", path))
        self.assertEqual({a.status for a in answers}, {200}, [a for a in answers if a.status != 200][:3])

    def test_all_nodes_share_one_token_and_one_renewal(self):
        self.call_everywhere()
        self.assertEqual(self.fetched(), 1)
        self.sim.post("advance", seconds=3601)  # the provider's clock: everybody is refused at once
        time.sleep(0.3)  # older than min_interval
        self.call_everywhere()
        self.assertEqual(self.fetched(), 2)
        self.all[1].daemon.kill()
        self.all[1].serve()
        self.call_everywhere()
        self.assertEqual(self.fetched(), 2, "a restarted node takes what is there")
        stored = self.server.sql("SELECT app_id, number FROM application_tokens")
        self.assertIn("2", str(stored))


class WithoutNotifications(ManyNodes):
    """The same by polling alone: nobody can be listened to."""

    config = ManyNodes.config | {("store", "listen_url"): '"postgresql://keyfob@127.0.0.1:1/nowhere"'}


class DueWork(OnPostgres):
    """Nobody asks for a token: the nodes share what is due, each at no more than `max_rate` a second."""

    nodes = 2
    config = {("refresh", "mode"): '"always_fresh"', ("refresh", "max_rate"): "3"}
    grants = 60

    def setUp(self):
        super().setUp()
        for node in self.all:
            node.daemon.stop()
        file = self.root / "grants.jsonl"
        pairs = [self.sim.issue(client_id=harness.CLIENT_ID) for _ in range(self.grants)]
        file.write_text("".join(json.dumps({
            "user": f"user-{i}", "vehicles": pair["vehicles"], "access_token": pair["access_token"],
            "refresh_token": pair["refresh_token"], "expires_in": 0}) + "\n" for i, pair in enumerate(pairs)))
        self.world.cli_ok("grant", "import", file, "--app", harness.APP)

    def by_node(self):
        lines = self.server.sql("SELECT node_id || ' ' || sum(refreshed) FROM refresh_counts GROUP BY node_id").splitlines()
        return {node: int(count) for node, count in (line.split() for line in lines)}

    def fresh(self):
        return int(self.server.sql("SELECT count(*) FROM grants WHERE generation = 2"))

    def test_another_node_adds_throughput_and_nothing_is_done_twice(self):
        self.world.serve()
        eventually(lambda: sum(self.by_node().values()) > 4, "the work has begun")
        self.all[1].serve()
        eventually(lambda: len(self.by_node()) == 2, "the second node has taken up work")
        before = self.by_node()
        eventually(lambda: self.fresh() == self.grants, "all is done", patience=120)
        since = {node: count - before[node] for node, count in self.by_node().items()}
        print(f"\n  of {sum(since.values())} grants that were due when both worked, each node did {sorted(since.values())}",
              flush=True)
        # One does no more than max_rate, so what the other did in the same time came on top.
        self.assertGreater(sum(since.values()), 20, "the second came while there was work")
        self.assertGreater(min(since.values()), sum(since.values()) // 4, "both did their share")
        self.assertEqual(self.sim.rotations(), self.grants)

    def test_a_node_that_goes_loses_nothing(self):
        for node in self.all:
            node.serve()
        eventually(lambda: self.fresh() > 12 and len(self.by_node()) == 2, "both work")
        self.all[1].daemon.kill()
        self.assertLess(self.fresh(), self.grants, "there is work left for the other")
        eventually(lambda: self.fresh() == self.grants, "the other does the rest, also what was claimed", patience=120)
        self.assertEqual(self.server.sql("SELECT count(*) FROM grants WHERE status <> 'active'"), "0")
        self.assertEqual(self.sim.late_uses(), 0)


class BehindPgBouncer(OnPostgres):
    """Transaction mode: every transaction may get another backend."""

    nodes = 2

    def setUp(self):
        super().setUp()
        self.bouncer = postgres.PgBouncer(self.root, self.server)
        self.addCleanup(self.bouncer.stop)
        for node in self.all:
            node.configure("store", "url", f'"{self.bouncer.url()}"')
            node.configure("store", "pooler", '"transaction"')
            node.configure("store", "listen_url", f'"{self.server.url()}"')
            node.restart()

    def test_the_whole_job_through_the_pooler(self):
        users = [f"user-{i}" for i in range(6)]
        for user in users:
            self.world.import_grant(user, expires_in=0)
        callers = [(node, user) for user in users for node in self.all for _ in range(4)]
        answers = together(len(callers), lambda i: self.seen_by(callers[i][0], f"user={callers[i][1]}"))
        self.assertEqual({a.status for a in answers}, {200}, [a for a in answers if a.status != 200][:3])
        self.assertEqual(self.sim.rotations(), len(users))
        self.bouncer.restart()
        grant = self.world.api("GET", "/v1/grants?user=user-0").json["grants"][0]["id"]
        eventually(lambda: self.world.api("POST", f"/v1/grants/{grant}/refresh").status == 200, "it goes on")
        self.world.cli_ok("grant", "list")

    def test_named_statements_through_the_pooler_are_explained(self):
        self.world.daemon.stop()
        self.world.configure("store", "pooler", '"none"')
        done = self.world.cli("app", "list")
        self.assertNotEqual(done.code, 0)
        self.assertIn('pooler = "transaction"', done.err)


class Tls(OnPostgres):
    """sslmode=verify-full: only the server that the named authority vouches for, by its name."""

    def setUp(self):
        super().setUp()
        self.world.daemon.stop()

    def openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=self.root)

    def authority(self, name):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
        return self.root / f"{name}.pem"

    def serve_tls(self, host):
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}",
                     "-addext", f"subjectAltName=DNS:{host}", "-keyout", "server.key", "-out", "server.csr")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "ours.pem", "-CAkey", "ours.key", "-days", "2",
                     "-copy_extensions", "copy", "-out", "server.pem")
        for name in ("server.key", "server.pem"):
            target = self.server.data / name
            target.write_bytes((self.root / name).read_bytes())
            postgres.owned(target)
            target.chmod(0o600)
        self.server.add_settings("ssl = on", "ssl_cert_file = 'server.pem'", "ssl_key_file = 'server.key'")
        self.server.stop()
        self.server.start()

    def outcome(self, host, authority):
        url = f"postgresql://keyfob@{host}:{self.server.port}/postgres?sslmode=verify-full&sslrootcert={authority}"
        self.world.configure("store", "url", f'"{url}"')
        return self.world.cli("app", "list")

    def test_only_the_right_server_is_talked_to(self):
        ours, other = self.authority("ours"), self.authority("other")
        self.assertNotEqual(self.outcome("localhost", ours).code, 0, "no TLS at all")
        self.serve_tls("localhost")
        self.assertEqual(self.outcome("localhost", ours).code, 0)
        self.assertNotEqual(self.outcome("localhost", other).code, 0, "another authority")
        self.assertNotEqual(self.outcome("127.0.0.1", ours).code, 0, "another name")


class Hosts(OnPostgres):
    """Several hosts in the URL: whichever takes writes is the one."""

    def hosts(self, *servers):
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        return f'"postgresql://keyfob@{hosts}/postgres?target_session_attrs=read-write&connect_timeout=2"'

    def test_the_server_that_takes_writes_is_found_before_and_after_a_failover(self):
        pair = self.world.import_grant("ann", expires_in=0)
        standby = postgres.Server(self.root, "standby", QUICK, self.server)
        self.addCleanup(standby.crash)
        self.world.daemon.stop()
        self.world.configure("store", "url", self.hosts(standby))
        self.assertNotEqual(self.world.cli("app", "list").code, 0, "a standby alone is of no use")
        self.world.configure("store", "url", self.hosts(standby, self.server))
        self.world.cli_ok("app", "list")
        self.world.serve()
        self.token_of("user=ann")
        eventually(lambda: standby.sql("SELECT generation FROM grants") == "2", "the standby has it")
        self.server.crash()
        standby.promote()
        eventually(lambda: self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh").status == 200, "it goes on")
        self.assertEqual(standby.sql("SELECT generation FROM grants"), "3")


class Outage(OnPostgres):
    """[cache] on_store_outage, both ways: what is served for how long, and that nothing revoked comes back."""

    nodes = 2

    def setUp(self):
        super().setUp()
        self.cut_off = self.all[1]
        self.proxy = postgres.Proxy(self.server.port)
        self.addCleanup(self.proxy.close)
        self.cut_off.configure("store", "url", f'"postgresql://keyfob@127.0.0.1:{self.proxy.port}/postgres?connect_timeout=2"')
        self.pairs = {user: self.world.import_grant(user, expires_in=expires)
                      for user, expires in (("ann", 7200), ("bob", 7200), ("eve", 70))}

    def cut(self, policy):
        self.cut_off.configure("cache", "on_store_outage", f'"{policy}"')
        self.cut_off.restart()
        for user in self.pairs:
            eventually(lambda u=user: self.seen_by(self.cut_off, f"user={u}").status == 200, f"{user} is served")
        self.proxy.cut()
        self.assert_answer(self.world.api("DELETE", f"/v1/grants/{self.pairs['bob']['grant']}"), 204)

    def mended(self):
        self.proxy.mend()
        eventually(lambda: self.seen_by(self.cut_off, "user=bob").code == "revoked", "the revoke is known", patience=15)
        eventually(lambda: self.seen_by(self.cut_off, "user=ann").status == 200, "ann is served")
        for _ in range(20):
            self.assertEqual(self.seen_by(self.cut_off, "user=bob").code, "revoked", "it stays so")

    def test_serve_goes_on_with_what_is_in_memory_and_with_nothing_else(self):
        self.cut("serve")
        end = time.monotonic() + 6
        while time.monotonic() < end:
            self.assertEqual(self.seen_by(self.cut_off, "user=ann").status, 200)
        self.assertEqual(self.seen_by(self.cut_off, "user=nobody").status, 503)
        self.mended()

    def test_refuse_hands_out_nothing_that_could_not_be_checked(self):
        self.cut("refuse")
        begin = served = time.monotonic()

        def refused():
            nonlocal served
            asked = time.monotonic()
            answer = self.seen_by(self.cut_off, "user=bob")
            if answer.status == 200:
                served = asked
            return answer.status == 503
        eventually(refused, "refused", patience=60)
        print(f"\n  handed out until {served - begin:.1f} s after the cut; the first refusal came after "
              f"{time.monotonic() - begin:.1f} s", flush=True)
        self.assertLess(served - begin, 5, "max_staleness is 2 s")
        for _ in range(10):
            for user in ("ann", "bob"):
                answer = self.seen_by(self.cut_off, f"user={user}")
                self.assertEqual(answer.status, 503, answer)
        self.mended()


if __name__ == "__main__":
    harness.main()
