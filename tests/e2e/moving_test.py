"""Moving in and out: import, export, reconcile, migrate-v3, through the command line, with and without a daemon."""

import json
import subprocess

import harness
from harness import APP, CLIENT_ID, eventually

V3 = ("--v3-client-id", "client_v3", "--v3-client-secret", "-")


class Moving(harness.Case):
    def setUp(self):
        super().setUp()
        self.file = self.world.root / "grants.jsonl"

    def pairs(self, count):
        return self.sim.issue(client_id=CLIENT_ID, count=count)["pairs"]

    def write(self, pairs, **more):
        lines = [{"user": f"user-{i}", "vehicles": p["vehicles"], "access_token": p["access_token"],
                  "refresh_token": p["refresh_token"], "expires_in": 7200} | more for i, p in enumerate(pairs)]
        self.file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return lines

    def run_import(self, *more):
        return self.world.cli("grant", "import", self.file, "--app", APP, *more, json_out=True)

    def status_of(self, user):
        return self.world.api("GET", f"/v1/grants?user={user}").json["grants"][0]["status"]


class Importing(Moving):
    def test_a_file_imported_again_overwrites_nothing(self):
        pairs = self.pairs(5)
        self.write(pairs)
        self.assertEqual(self.run_import().json["imported"], 5)
        grant = self.world.api("GET", "/v1/grants?user=user-0").json["grants"][0]
        self.assert_answer(self.world.api("POST", f"/v1/grants/{grant['id']}/refresh"), 200)
        self.sim.post("advance", seconds=3600)  # the old pair's window is over: a relapse to it would be a lost grant
        again = self.run_import()
        self.assertEqual(again.code, 0, again)
        self.assertEqual({k: again.json[k] for k in ("imported", "unchanged", "kept")},
                         {"imported": 0, "unchanged": 4, "kept": 1})
        self.assert_answer(self.world.api("POST", f"/v1/grants/{grant['id']}/refresh"), 200)
        self.assertTrue(self.sim.inspect(self.token_of("user=user-0"))["live"])
        self.assertIn("1 were kept", self.world.cli("grant", "import", self.file, "--app", APP).out)

    def test_a_revoked_grant_does_not_come_back_by_an_old_file(self):
        pairs = self.pairs(1)
        self.write(pairs)
        self.run_import()
        grant = self.world.api("GET", "/v1/grants?user=user-0").json["grants"][0]["id"]
        self.assertEqual(self.world.api("DELETE", f"/v1/grants/{grant}").status, 204)
        self.assertEqual(self.run_import().json["kept"], 1)
        self.assertEqual(self.status_of("user-0"), "revoked")

    def test_another_pair_of_the_same_owner_is_reported_and_taken_only_when_told(self):
        first, second = self.pairs(2)
        self.write([first])
        self.run_import()
        self.write([second | {"vehicles": first["vehicles"]}])
        done = self.run_import()
        self.assertEqual((done.code, done.json["bad_lines"][0]["line"]), (1, 1), done)
        self.assertIn("another pair", done.json["bad_lines"][0]["reason"])
        self.assertEqual(self.token_of("user=user-0"), first["access_token"])
        done = self.run_import("--replace")
        self.assertEqual((done.code, done.json["replaced"]), (0, 1), done)
        self.assertEqual(self.token_of("user=user-0"), second["access_token"])
        self.assertEqual(self.run_import("--replace").json["unchanged"], 1)

    def test_bad_lines_are_reported_by_number_and_reason_and_the_others_kept(self):
        lines = self.write(self.pairs(3))
        lines[1]["access_token"] = ""
        self.file.write_text("\n".join([json.dumps(lines[0]), "", "not json", json.dumps(lines[1]), json.dumps(lines[2])]))
        dry = self.run_import("--dry-run")
        self.assertEqual([b["line"] for b in dry.json["bad_lines"]], [3, 4], dry)
        self.assertEqual(self.world.api("GET", "/v1/grants").json["grants"], [])
        done = self.run_import()
        self.assertEqual((done.code, done.json["imported"]), (1, 2), done)
        self.assertTrue(all(b["reason"] for b in done.json["bad_lines"]))

    def test_csv(self):
        pairs = self.pairs(2)
        self.file = self.world.root / "grants.csv"
        rows = [f"u{i},{' '.join(p['vehicles'])},{p['access_token']},{p['refresh_token']},7200,{p['user_id']}"
                for i, p in enumerate(pairs)]
        self.file.write_text("\n".join(["user,vehicles,access_token,refresh_token,expires_in,provider_user", *rows, ""]))
        self.assertEqual(self.run_import().json["imported"], 2)
        self.assertEqual(self.world.api("GET", "/v1/grants?user=u1").json["grants"][0]["provider_user"], pairs[1]["user_id"])

    def test_a_sample_is_tried_at_the_provider_and_nothing_rotates(self):
        pairs = self.pairs(6)
        self.write(pairs)
        done = self.run_import("--dry-run", "--verify", "4")
        self.assertEqual((done.code, done.json["verified"]), (0, 4), done)
        self.write([pairs[0] | {"vehicles": pairs[1]["vehicles"]}, pairs[2] | {"access_token": "nonsense"}])
        done = self.run_import("--verify", "10")
        self.assertEqual((done.code, sorted(b["line"] for b in done.json["doubtful_lines"])), (1, [1, 2]), done)
        self.assertEqual(self.sim.rotations(), 0)

    def test_an_import_killed_in_the_middle_is_completed_by_running_it_again(self):
        count = 20000
        fake = [{"vehicles": [f"vehicle-{i}"], "access_token": f"access-{i}", "refresh_token": f"refresh-{i}"}
                for i in range(count)]
        self.write(fake)
        self.world.daemon.stop()
        importing = subprocess.Popen([harness.BIN / "keyfob", "--config", self.world.config_file, "grant", "import",
                                      self.file, "--app", APP], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: self.world.sql("SELECT count(*) FROM grants")[0][0] >= 1000, "some grants are imported")
        finally:
            importing.kill()
            importing.wait()
        before = self.world.sql("SELECT count(*) FROM grants")[0][0]
        done = self.run_import()
        self.assertEqual(done.code, 0, done)
        self.assertEqual(done.json["imported"] + done.json["unchanged"], count)
        self.assertEqual(done.json["unchanged"], before)
        self.assertEqual(self.world.sql("SELECT count(*), count(DISTINCT user_id) FROM grants"), [(count, count)])
        self.assertEqual(self.world.sql("SELECT count(*) FROM grant_keys")[0][0], 2 * count)


class Exporting(Moving):
    def export(self, *more):
        return self.world.cli("grant", "export", "--app", APP, *more)

    def lines(self, text):
        return sorted((json.loads(line) for line in text.splitlines()), key=lambda g: g["user"])

    def test_what_is_exported_can_be_imported_elsewhere_and_works(self):
        pairs = self.pairs(3)
        self.write(pairs, scope="read_odometer", provider_user=None)
        self.run_import()
        grant = self.world.api("GET", "/v1/grants?user=user-1").json["grants"][0]["id"]
        self.assert_answer(self.world.api("POST", f"/v1/grants/{grant}/refresh"), 200)
        self.assertEqual(self.export().code, 2)
        done = self.export("--reveal")
        self.assertEqual(done.code, 0, done)
        self.assertIn("work once", done.err)
        out = self.lines(done.out)
        self.assertEqual([g["user"] for g in out], ["user-0", "user-1", "user-2"])
        self.assertEqual((out[0]["access_token"], out[0]["scope"]), (pairs[0]["access_token"], "read_odometer"))
        self.assertEqual(out[1]["access_token"], self.token_of("user=user-1"))
        self.world.daemon.stop()
        self.assertEqual([{k: v for k, v in g.items() if "expires" not in k} for g in self.lines(self.export("--reveal").out)],
                         [{k: v for k, v in g.items() if "expires" not in k} for g in out])
        other = harness.World()
        self.addCleanup(other.close)
        other.configure("providers.smartcar", "all_origins", f'"{self.sim.origin}"')
        other.serve()
        other.add_app()
        other.api_key = other.add_caller("backend", "gateway,token:read,grant:read,grant:write")
        self.file.write_text(done.out)
        self.assertEqual(other.cli_ok("grant", "import", self.file, "--app", APP, json_out=True).json["imported"], 3)
        for i in range(3):
            moved = other.api("GET", f"/v1/grants?user=user-{i}").json["grants"][0]
            self.assert_answer(other.api("POST", f"/v1/grants/{moved['id']}/refresh"), 200)

    def test_each_disclosure_is_on_record(self):
        self.write(self.pairs(3))
        self.run_import()
        self.export("--reveal")
        records = self.world.cli_ok("audit", "list", json_out=True).json["entries"]
        exported = [r for r in records if r["action"] == "grant.exported"]
        self.assertEqual(sorted(r["user"] for r in exported), ["user-0", "user-1", "user-2"])
        self.assertEqual({(r["actor"], r["outcome"]) for r in exported}, {("local admin", "ok")})

    def test_tokens_do_not_leave_over_the_network(self):
        key = self.world.add_caller("root", "admin", app=None)
        self.assert_answer(self.world.api("GET", f"/v1/grants:export?app={APP}", key=key), 403, "forbidden")
        self.assert_answer(self.world.api("GET", f"/v1/grants:export?app={APP}"), 403, "forbidden")

    def test_many_pages(self):
        fake = [{"vehicles": [], "access_token": f"a-{i}", "refresh_token": f'r"\\{i}'} for i in range(1201)]
        self.write(fake)
        self.run_import()
        out = [json.loads(line) for line in self.export("--reveal").out.splitlines()]
        self.assertEqual({g["refresh_token"] for g in out}, {p["refresh_token"] for p in fake})

    def test_revoked_grants_are_left_out(self):
        self.write(self.pairs(2))
        self.run_import()
        grant = self.world.api("GET", "/v1/grants?user=user-0").json["grants"][0]["id"]
        self.world.api("DELETE", f"/v1/grants/{grant}")
        done = self.export("--reveal")
        self.assertEqual([g["user"] for g in self.lines(done.out)], ["user-1"])
        self.assertIn("1 without tokens", done.err)


class Reconciling(Moving):
    def setUp(self):
        super().setUp()
        self.owner = self.sim.post("users", email="two@example.com", vehicles=2)
        two = self.sim.issue(user=self.owner["id"], client_id=CLIENT_ID)
        self.all = [two, *self.pairs(3)]
        for i, pair in enumerate(self.all):
            self.world.import_grant(f"user-{i}", pair=pair, provider_user=pair["user_id"])

    def reconcile(self, *more):
        return self.world.cli("grant", "reconcile", "--app", APP, *more, json_out=True)

    def revoke(self, pair, vehicle=None):
        self.sim.post("revoke", **({"user": pair["user_id"]} | ({"vehicle": vehicle} if vehicle else {})))

    def test_what_the_owners_ended_is_found_and_acted_on_when_told(self):
        self.assertEqual(self.reconcile().json["ok"], 4)
        self.revoke(self.all[0], self.all[0]["vehicles"][0])
        self.revoke(self.all[1])
        found = self.reconcile()
        self.assertEqual({k: found.json[k] for k in ("ok", "partly", "revoked", "unknown", "applied")},
                         {"ok": 2, "partly": 1, "revoked": 1, "unknown": 0, "applied": False}, found)
        self.assertEqual([self.status_of(f"user-{i}") for i in range(4)], ["active"] * 4)
        applied = self.reconcile("--apply")
        self.assertEqual(applied.code, 0, applied)
        self.assertEqual((applied.json["vehicles_removed"], applied.json["ok"]), (1, 2), applied)
        grants = {g["user"]: g for g in self.world.api("GET", "/v1/grants").json["grants"]}
        self.assertEqual(grants["user-0"]["vehicles"], [self.all[0]["vehicles"][1]])
        self.assertIn(grants["user-1"]["status"], ("revoked", "suspect"))
        self.assertEqual(grants["user-0"]["epoch"], 1)
        self.assert_answer(self.world.api("GET", f"/v2.0/vehicles/{self.all[0]['vehicles'][1]}/odometer"), 200)
        gone = self.world.api("GET", f"/v2.0/vehicles/{self.all[0]['vehicles'][0]}/odometer")
        self.assertEqual((gone.status, gone.code), (404, "unknown_grant"))
        self.assert_answer(self.world.api("POST", f"/v1/grants/{grants['user-0']['id']}/refresh"), 200)
        self.assertIn("vehicles_removed", self.world.cli("grant", "reconcile", "--app", APP, "--apply").out + applied.out)

    def test_an_empty_list_is_not_believed(self):
        for pair in self.all:
            self.revoke(pair)
        done = self.reconcile("--apply")
        self.assertEqual(done.code, 1, done)
        self.assertIn("lists no connection at all", done.err)
        self.assertEqual([self.status_of(f"user-{i}") for i in range(4)], ["active"] * 4)
        self.assertEqual(self.reconcile("--allow-empty").json["revoked"], 4)

    def test_a_list_that_fails_in_the_middle_changes_nothing(self):
        self.revoke(self.all[1])
        self.sim.fault("status", where="management", status=503, times=0)
        done = self.reconcile("--apply")
        self.assertEqual(done.code, 1, done)
        self.sim.clear_faults()
        self.sim.fault("cut_json", where="management")
        self.assertEqual(self.reconcile("--apply").code, 1)
        self.assertEqual(self.status_of("user-1"), "active")

    def test_more_connections_than_a_page(self):
        self.sim.issue(client_id=CLIENT_ID, count=150)
        found = self.reconcile().json
        self.assertEqual((found["ok"], found["connections"], found["connections_without_grant"]), (4, 155, 150))

    def test_an_application_with_v3_credentials_alone(self):
        self.sim.post("clients", client_id=CLIENT_ID, v3_client_id="client_v3", v3_client_secret="planted-v3-secret")
        self.world.cli_ok("app", "add", "three", "--client-id", CLIENT_ID, "--client-secret", "-", secret=harness.CLIENT_SECRET)
        self.world.cli_ok("app", "set", "three", *V3, secret="planted-v3-secret")
        pair = self.all[2]
        self.file.write_text(json.dumps({"user": "x", "provider_user": pair["user_id"], "vehicles": pair["vehicles"],
                                         "access_token": pair["access_token"], "refresh_token": pair["refresh_token"],
                                         "expires_in": 7200}))
        self.world.cli_ok("grant", "import", self.file, "--app", "three")
        self.sim.issue(client_id=CLIENT_ID, count=120)
        found = self.world.cli_ok("grant", "reconcile", "--app", "three", json_out=True).json
        self.assertEqual((found["ok"], found["connections"]), (1, 125))

    def test_a_caller_without_management_sees_no_connections(self):
        self.assert_answer(self.world.api("GET", "/v1/connections"), 403, "forbidden")
        key = self.world.add_caller("manager", "management")
        self.assertEqual(len(self.assert_answer(self.world.api("GET", "/v1/connections", key=key), 200).json["connections"]), 5)


class ToV3(Moving):
    def test_from_v2_tokens_to_v3_without_a_failed_call(self):
        self.sim.post("clients", client_id=CLIENT_ID, v3_client_id="client_v3", v3_client_secret="planted-v3-secret")
        pairs = [self.world.import_grant(f"user-{i}") for i in range(4)]
        calls = []

        def call(version, pair):
            calls.append(self.world.api("GET", f"/{version}/vehicles/{pair['vehicle']}"))

        for pair in pairs:
            call("v2.0", pair)
        self.sim.post("expire", user=pairs[3]["user_id"])  # its own token is refreshed to ask with
        done = self.world.cli_ok("grant", "migrate-v3", "--app", APP, json_out=True).json
        self.assertEqual((done["filled"], done["known"], done["failed"]), (4, 0, []))
        for pair in pairs:
            call("v3", pair)  # still by the user's token
        self.world.cli_ok("app", "set", APP, *V3, secret="planted-v3-secret")
        for pair in pairs:
            call("v3", pair)
            call("v2.0", pair)
        self.assertEqual([a.status for a in calls], [200] * len(calls))
        asked = self.sim.requests(f"/v3/vehicles/{pairs[0]['vehicle']}")[0]
        self.assertEqual(asked["headers"]["sc-user-id"], pairs[0]["user_id"])
        again = self.world.cli_ok("grant", "migrate-v3", "--app", APP, json_out=True).json
        self.assertEqual((again["filled"], again["known"]), (0, 4))

    def test_a_grant_whose_token_is_dead_is_identified_by_its_vehicle(self):
        pair = self.world.import_grant("ann")
        self.sim.post("expire", user=pair["user_id"], access=True, refresh=True)
        done = self.world.cli_ok("grant", "migrate-v3", "--app", APP, json_out=True).json
        self.assertEqual(done["filled"], 1)
        self.assertEqual(self.world.grant(pair["grant"])["provider_user"], pair["user_id"])

    def test_v3_needs_no_pair_of_the_owner_that_works(self):
        self.sim.post("clients", client_id=CLIENT_ID, v3_client_id="client_v3", v3_client_secret="planted-v3-secret")
        self.world.cli_ok("app", "set", APP, *V3, secret="planted-v3-secret")
        pair = self.sim.issue(client_id=CLIENT_ID)
        self.world.import_grant("ann", pair=pair, provider_user=pair["user_id"], expires_in=0)
        self.sim.post("expire", user=pair["user_id"], access=True, refresh=True)
        vehicle = pair["vehicles"][0]
        self.assertEqual(self.world.api("GET", f"/v2.0/vehicles/{vehicle}").status, 503)  # refused, being confirmed
        self.assert_answer(self.world.api("GET", f"/v3/vehicles/{vehicle}"), 200)
        self.assertEqual(self.sim.requests(f"/v3/vehicles/{vehicle}")[0]["headers"]["sc-user-id"], pair["user_id"])


class RevokingInV3(Moving):
    """An application with v3 credentials ends connections; the owner's pair is not needed for it."""

    def setUp(self):
        super().setUp()
        self.sim.post("clients", client_id=CLIENT_ID, v3_client_id="client_v3", v3_client_secret="planted-v3-secret")
        self.world.cli_ok("app", "set", APP, *V3, secret="planted-v3-secret")
        self.owner = self.sim.post("users", email="two@example.com", vehicles=2)
        self.pair = self.sim.issue(user=self.owner["id"], client_id=CLIENT_ID)
        self.others = self.pairs(120)  # more than a page
        self.grant = self.take(self.pair)

    def take(self, pair, **more):
        return self.world.import_grant("ann", pair=pair, provider_user=self.owner["id"], **more)["grant"]

    def revoke(self, status=204):
        self.assertEqual(self.world.api("DELETE", f"/v1/grants/{self.grant}").status, status)

    def deleted(self):
        return [r["path"] for r in self.sim.requests() if r["method"] == "DELETE"]

    def test_each_of_its_connections_is_ended_and_no_other(self):
        self.sim.post("expire", user=self.owner["id"], access=True, refresh=True)
        self.revoke()
        deleted = self.deleted()
        self.assertEqual(len(deleted), 2)
        self.assertTrue(all(path.startswith("/v3/connections/") for path in deleted), deleted)
        self.assertEqual((self.sim.stats()["connections"], self.sim.rotations()), (120, 0))
        self.revoke()
        self.assertEqual(len(self.deleted()), 2, "a revoked grant is left alone")

    def test_a_provider_that_is_down_is_told_later_and_no_token_is_served_meanwhile(self):
        self.sim.fault("status", where="management", status=503, times=0)
        self.revoke(202)
        self.assertEqual(self.status_of("ann"), "revoking")
        self.assertEqual(self.world.api("GET", "/v1/token?user=ann").status, 424)
        self.world.restart()
        self.sim.clear_faults()
        eventually(lambda: self.status_of("ann") == "revoked", "it is revoked", 150)
        self.assertEqual(self.sim.stats()["connections"], 120)

    def test_credentials_that_iam_refuses_leave_the_way_of_v2(self):
        self.sim.post("clients", client_id=CLIENT_ID, v3_client_id="client_v3", v3_client_secret="another-secret")
        self.revoke()
        self.assertTrue(all(path.endswith("/application") for path in self.deleted()), self.deleted())
        self.assertEqual(self.sim.stats()["connections"], 120)


if __name__ == "__main__":
    harness.main()
