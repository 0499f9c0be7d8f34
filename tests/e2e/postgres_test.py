"""Keyfob on PostgreSQL: one node, the CLI as one more node, many nodes on expired grants, what others learn and when."""

import pathlib
import shutil
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

    def test_an_empty_database_is_not_served_by_mistake(self):
        self.world.daemon.stop()
        self.server.sql("CREATE DATABASE empty")
        self.world.configure("store", "url", f'"{self.server.url(database="empty")}"')
        done = self.world.cli("grant", "list")
        self.assertNotEqual(done.code, 0)
        self.assertIn("no tables of Keyfob", done.err)


class ManyNodes(OnPostgres):
    nodes = 3
    config = {("cache", "max_staleness"): '"2s"'}

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
            eventually(lambda n=node: self.seen_by(n, "user=ann").code == "revoked", "the revoke is known", patience=5)
        self.assertLess(time.monotonic() - done, 2.0)

    def test_a_caller_made_on_one_node_is_known_on_all_and_disabled_on_all(self):
        self.world.import_grant("ann")
        key = self.world.add_caller("late", "token:read")
        for node in self.all:
            eventually(lambda n=node: self.seen_by(n, "user=ann", key).status == 200, "the caller is known", patience=5)
        self.all[1].cli_ok("caller", "disable", "late")
        for node in self.all:
            eventually(lambda n=node: self.seen_by(n, "user=ann", key).status == 401, "it is disabled", patience=5)


if __name__ == "__main__":
    harness.main()
