"""/v1: every endpoint, what it answers, who may call it, and what it says when it refuses."""

import harness
from harness import APP, CLIENT_ID

GRANT_MEMBERS = {"id", "app", "user", "provider_user", "vehicles", "scope", "status", "attention", "generation", "epoch",
                 "access_expires_at", "refresh_expires_at", "created_at", "updated_at"}


class Tokens(harness.Case):
    def test_by_user_by_vehicle_and_by_both(self):
        pair = self.world.import_grant("ann", scope="read_vin read_odometer")
        for query in ("user=ann", f"vehicle={pair['vehicle']}", f"user=ann&vehicle={pair['vehicle']}"):
            answer = self.assert_answer(self.world.api("GET", f"/v1/token?{query}"), 200)
            self.assertEqual(answer.headers["cache-control"], "no-store")
            token = answer.json
            self.assertEqual(set(token), {"access_token", "token_type", "expires_in", "grant", "user", "vehicles", "scope"})
            self.assertEqual((token["access_token"], token["token_type"]), (pair["access_token"], "Bearer"))
            self.assertAlmostEqual(token["expires_in"], 7200, delta=60)
            self.assertEqual((token["grant"], token["user"], token["vehicles"]), (pair["grant"], "ann", pair["vehicles"]))
            self.assertEqual(token["scope"].split(), ["read_vin", "read_odometer"])

    def test_nothing_named_nothing_found_and_nonsense(self):
        self.world.import_grant("ann")
        self.assert_answer(self.world.api("GET", "/v1/token"), 400, "user_required")
        self.assert_answer(self.world.api("GET", "/v1/token?user=nobody"), 404, "unknown_grant")
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann&vehicle=unknown"), 404, "unknown_grant")
        answer = self.assert_answer(self.world.api("GET", "/v1/token?usr=ann"), 400, "bad_request")
        self.assertIn("user", answer.json["hint"])

    def test_account_wide_and_single_select_grants(self):
        owner = self.sim.post("users", vehicles=3)
        cars = [v["id"] for v in owner["vehicles"]]
        account = self.sim.issue(user=owner["id"], client_id=CLIENT_ID, vehicles=cars)
        self.world.import_grant("ann", pair=account)
        for car in cars:
            self.assertEqual(self.token_of(f"vehicle={car}"), account["access_token"])
        single = self.sim.issue(user=owner["id"], client_id=CLIENT_ID, vehicles=cars[:1], single_select=True)
        self.world.import_grant("ann", pair=single, single_select=True)
        self.assertEqual(self.token_of(f"vehicle={cars[0]}"), single["access_token"])  # the narrower one
        self.assertEqual(self.token_of(f"vehicle={cars[1]}"), account["access_token"])
        self.assertEqual(self.token_of("user=ann"), account["access_token"])


class Grants(harness.Case):
    def body(self, user, pair):
        return {"user": user, "vehicles": pair["vehicles"], "access_token": pair["access_token"],
                "refresh_token": pair["refresh_token"], "expires_in": 7200}

    def test_import_shows_the_grant_and_no_token(self):
        pair = self.sim.issue(client_id=CLIENT_ID)
        answer = self.world.api("POST", "/v1/grants", self.body("ann", pair) | {"provider_user": pair["user_id"]})
        grant = self.assert_answer(answer, 201).json
        self.assertEqual(set(grant), GRANT_MEMBERS)
        self.assertEqual(answer.headers["location"], f"/v1/grants/{grant['id']}")
        self.assertEqual((grant["app"], grant["user"], grant["provider_user"], grant["vehicles"], grant["status"]),
                         (APP, "ann", pair["user_id"], pair["vehicles"], "active"))
        self.assertIsNone(grant["attention"])
        for time in ("access_expires_at", "refresh_expires_at", "created_at", "updated_at"):
            self.assertRegex(grant[time], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        self.assertEqual(self.world.grant(grant["id"]), grant)

    def test_importing_the_same_user_again_replaces_the_pair_under_a_new_epoch(self):
        first = self.world.import_grant("ann")
        before = self.world.grant(first["grant"])
        again = self.world.import_grant("ann", pair=self.sim.issue(client_id=CLIENT_ID) | {"vehicles": first["vehicles"]})
        self.assertEqual(again["grant"], first["grant"])
        after = self.world.grant(first["grant"])
        self.assertEqual(after["epoch"], before["epoch"] + 1)
        self.assertEqual(self.token_of("user=ann"), again["access_token"])
        self.assertEqual(len(self.world.api("GET", "/v1/grants").json["grants"]), 1)

    def test_bodies_that_are_not_a_grant(self):
        good = self.body("ann", self.sim.issue())
        for change in ({"user": ""}, {"user": 7}, {"expires_in": "soon"}, {"expires_in": -1}, {"access_token": ""},
                       {"access_token": "two words"}, {"refresh_token": "line\nbreak"}, {"vehicles": "car"},
                       {"vehicles": [1]}, {"acces_token": "x"}, {"user": "x" * 300}, {"access_token": "x" * 9000}):
            with self.subTest(change=str(change)[:40]):
                answer = self.world.api("POST", "/v1/grants", good | change)
                self.assertEqual(answer.status, 400, answer)
                self.assert_problem(answer, 400, answer.code)
        for text in (b"", b"[]", b"{", b'{"user":"a"} {}', b"\xff\xfe"):
            self.assertEqual(self.world.api("POST", "/v1/grants", text).status, 400)
        for field in ("user", "access_token", "refresh_token", "expires_in"):
            self.assertEqual(self.world.api("POST", "/v1/grants", {k: v for k, v in good.items() if k != field}).status, 400)
        self.assertEqual(self.world.api("GET", "/v1/grants").json["grants"], [])

    def test_many_at_once_bad_lines_by_number_good_ones_kept(self):
        lines = [harness.json.dumps(self.body(f"user-{i}", self.sim.issue(client_id=CLIENT_ID))) for i in range(5)]
        lines[1], lines[3] = "{nonsense", '{"user":"only"}'
        text = "\n".join(lines).encode()
        dry = self.world.api("POST", "/v1/grants:import?dry_run=true", text).json
        self.assertEqual((dry["imported"], [f["line"] for f in dry["failed"]]), (3, [2, 4]))
        self.assertEqual(self.world.api("GET", "/v1/grants").json["grants"], [])
        done = self.assert_answer(self.world.api("POST", "/v1/grants:import", text), 200).json
        self.assertEqual((done["imported"], done["replaced"], [f["line"] for f in done["failed"]]), (3, 0, [2, 4]))
        again = self.world.api("POST", "/v1/grants:import", text).json
        self.assertEqual((again["imported"], again["unchanged"], again["kept"]), (0, 3, 0))
        self.assertEqual(len(self.world.api("GET", "/v1/grants").json["grants"]), 3)

    def test_pages(self):
        users = [f"user-{i:02}" for i in range(11)]
        for user in users:
            self.world.import_grant(user)
        seen, cursor, pages = [], "", 0
        while cursor is not None:
            page = self.world.api("GET", "/v1/grants?limit=4" + (f"&cursor={cursor}" if cursor else "")).json
            self.assertLessEqual(len(page["grants"]), 4)
            seen += [g["user"] for g in page["grants"]]
            cursor, pages = page["next_cursor"], pages + 1
        self.assertEqual((sorted(seen), pages), (users, 3))
        for query in ("limit=0", "limit=many", "cursor=nonsense!", "status=fine", "colour=red"):
            self.assertEqual(self.world.api("GET", f"/v1/grants?{query}").status, 400, query)

    def test_filters(self):
        ann, bob = self.world.import_grant("ann"), self.world.import_grant("bob")
        self.world.api("DELETE", f"/v1/grants/{bob['grant']}?local=true")
        for query, expected in (("user=ann", ["ann"]), (f"vehicle={ann['vehicle']}", ["ann"]), ("status=revoked", ["bob"]),
                                ("status=active", ["ann"]), ("user=nobody", []), ("status=suspect", [])):
            found = self.world.api("GET", f"/v1/grants?{query}").json
            self.assertEqual(([g["user"] for g in found["grants"]], found["next_cursor"]), (expected, None), query)

    def test_refresh_rotates(self):
        pair = self.world.import_grant("ann")
        answer = self.assert_answer(self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh"), 200)
        self.assertEqual(set(answer.json), GRANT_MEMBERS)
        self.assertEqual(answer.json["generation"], 2)
        self.assertNotEqual(self.token_of("user=ann"), pair["access_token"])
        self.assert_answer(self.world.api("POST", "/v1/grants/nothing/refresh"), 404, "unknown_grant")

    def test_an_idempotency_key_makes_a_create_happen_once(self):
        body = self.body("ann", self.sim.issue(client_id=CLIENT_ID))
        key = {"Idempotency-Key": "5d1c0b52-import-1"}
        first = self.assert_answer(self.world.api("POST", "/v1/grants", body, key), 201)
        again = self.assert_answer(self.world.api("POST", "/v1/grants", body, key), 201)
        self.assertEqual((again.json, again.headers["idempotency-replayed"]), (first.json, "true"))
        self.assertEqual(self.world.grant(first.json["id"])["epoch"], first.json["epoch"])
        self.assert_answer(self.world.api("POST", "/v1/grants", body | {"user": "bob"}, key), 409, "conflict")


class Revoking(harness.Case):
    def setUp(self):
        super().setUp()
        owner = self.sim.post("users", vehicles=2)
        self.pair = self.world.import_grant("ann", pair=self.sim.issue(user=owner["id"], client_id=CLIENT_ID))
        self.path = f"/v1/grants/{self.pair['grant']}"

    def disconnected(self):
        return [r["path"] for r in self.sim.requests() if r["method"] == "DELETE" and r["status"] == 200]

    def check_gone(self):
        self.assertEqual(self.world.grant(self.pair["grant"])["status"], "revoked")
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 424, "revoked")
        row = self.world.sql("SELECT length(access_sealed), length(refresh_sealed) FROM grants")
        self.assertEqual(row, [(0, 0)])

    def test_the_provider_is_told_for_every_vehicle_and_the_tokens_are_gone(self):
        answer = self.world.api("DELETE", self.path)
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(sorted(self.disconnected()), sorted(f"/v2.0/vehicles/{v}/application" for v in self.pair["vehicles"]))
        self.assertFalse(self.sim.inspect(self.pair["refresh_token"])["live"])
        self.check_gone()
        self.assertEqual(self.world.api("DELETE", self.path).status, 204)  # again: nothing more to do

    def test_an_expired_token_is_refreshed_for_the_provider_s_call_only(self):
        self.world.import_grant("ann", pair=self.pair, expires_in=0)
        self.sim.post("expire")
        self.assertEqual(self.world.api("DELETE", self.path).status, 204)
        self.assertEqual(len(self.disconnected()), 2)
        self.check_gone()

    def test_locally_only(self):
        self.assertEqual(self.world.api("DELETE", self.path + "?local=true").status, 204)
        self.assertEqual(self.disconnected(), [])
        self.assertTrue(self.sim.inspect(self.pair["refresh_token"])["live"])
        self.check_gone()

    def test_a_provider_that_is_down_is_told_later_and_no_token_is_served_meanwhile(self):
        self.sim.fault("status", where="api", status=503, times=0)
        answer = self.world.api("DELETE", self.path)
        self.assertEqual((answer.status, answer.json), (202, {"status": "revoking"}))
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 424, "revoked")
        self.assertEqual(self.world.grant(self.pair["grant"])["status"], "revoking")
        self.world.restart()
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 424, "revoked")
        self.sim.clear_faults()
        self.assertEqual(self.world.api("DELETE", self.path).status, 204)
        self.check_gone()

    def test_a_new_consent_revives_a_revoked_grant(self):
        self.assertEqual(self.world.api("DELETE", self.path).status, 204)
        fresh = self.world.import_grant("ann", pair=self.sim.issue(user=self.pair["user_id"], client_id=CLIENT_ID))
        self.assertEqual(self.token_of("user=ann"), fresh["access_token"])

    def test_the_record_can_be_removed(self):
        self.assertEqual(self.world.api("DELETE", self.path + "/record").status, 204)
        self.assert_answer(self.world.api("GET", self.path), 404, "unknown_grant")
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 404, "unknown_grant")


class Administration(harness.Case):
    def setUp(self):
        super().setUp()
        self.admin = self.world.add_caller("ops", "admin", app=None)

    def call(self, method, path, body=None, **how):
        return self.world.api(method, path, body, key=self.admin, **how)

    def test_applications(self):
        body = {"name": "second", "client_id": "id-2", "client_secret": "s3cret-of-second", "scopes": ["read_vin"],
                "redirect_uri": "https://example.com/cb", "return_to": ["https://example.com/done"], "mode": "simulated"}
        app = self.assert_answer(self.call("POST", "/v1/apps", body), 201).json
        self.assertEqual((app["name"], app["provider"], app["mode"], app["secrets"]),
                         ("second", "smartcar", "simulated", ["client_secret"]))
        self.assertNotIn("s3cret", str(app))
        self.assert_answer(self.call("POST", "/v1/apps", body), 409, "conflict")
        self.assertEqual([a["name"] for a in self.call("GET", "/v1/apps").json["apps"]], [APP, "second"])
        changed = self.assert_answer(self.call("PATCH", "/v1/apps/second", {"scopes": ["read_fuel"]}), 200).json
        self.assertEqual((changed["scopes"], changed["client_id"]), (["read_fuel"], "id-2"))
        self.assertEqual(self.call("GET", "/v1/apps/second").json["scopes"], ["read_fuel"])
        self.assertEqual(self.call("DELETE", "/v1/apps/second").status, 204)
        self.assertEqual(self.call("GET", "/v1/apps/second").status, 404)

    def test_callers(self):
        body = {"name": "job", "app": APP, "permissions": ["token:read"], "users": ["ann"], "expires_in": 3600}
        made = self.assert_answer(self.call("POST", "/v1/callers", body), 201).json
        key = made.pop("api_key")
        self.assertRegex(key, r"^kf_[a-z0-9]+_[A-Za-z0-9_-]{43}$")
        self.assertEqual(self.call("GET", "/v1/callers/job").json, made)
        self.assertEqual({c["name"] for c in self.call("GET", "/v1/callers").json["callers"]}, {"backend", "ops", "job"})
        pair = self.world.import_grant("ann")
        self.assertEqual(self.token_of("user=ann", key), pair["access_token"])
        rotated = self.assert_answer(self.call("POST", "/v1/callers/job/rotate"), 200).json["api_key"]
        for valid in (key, rotated):  # both work for a while
            self.assertEqual(self.token_of("user=ann", valid), pair["access_token"])
        self.assertTrue(self.assert_answer(self.call("POST", "/v1/callers/job/disable"), 200).json["disabled"])
        for gone in (key, rotated):
            harness.eventually(lambda: self.world.api("GET", "/v1/token?user=ann", key=gone).status in (401, 403), "out")

    def test_misspelt_permissions_are_refused_with_a_hint(self):
        answer = self.call("POST", "/v1/callers", {"name": "x", "app": APP, "permissions": ["token:raed"]})
        self.assert_answer(answer, 400, "bad_request")
        self.assertIn("token:read", answer.json["hint"])

    def test_status_and_version(self):
        status = self.assert_answer(self.call("GET", "/v1/status"), 200).json
        self.assertEqual((status["ready"], status["applications"], status["suspended"]), (True, 1, []))
        version = self.world.api("GET", "/v1/version").json["version"]
        self.assertEqual(self.world.cli_ok("version").out, f"keyfob {version}\n")

    def test_an_admin_names_the_application(self):
        pair = self.world.import_grant("ann")
        self.assertEqual(self.call("GET", f"/v1/token?user=ann&app={APP}").json["access_token"], pair["access_token"])
        self.assertEqual(len(self.call("GET", "/v1/grants").json["grants"]), 1)
        self.assertEqual(self.call("GET", f"/v1/token?user=ann&app=nothing").status, 404)


class Permissions(harness.Case):
    def test_each_call_needs_its_own_permission_and_no_other_gives_it(self):
        pair = self.world.import_grant("ann")
        grant = f"/v1/grants/{pair['grant']}"
        needed = {("GET", "/v1/token?user=ann"): "token:read", ("GET", "/v1/grants"): "grant:read",
                  ("GET", grant): "grant:read", ("POST", "/v1/grants"): "grant:write",
                  ("POST", "/v1/grants:import"): "grant:write", ("POST", grant + "/refresh"): "grant:write",
                  ("POST", "/v1/connect"): "grant:write", ("DELETE", grant): "grant:revoke",
                  ("DELETE", grant + "/record"): "grant:revoke", ("GET", "/v1/apps"): "admin", ("POST", "/v1/apps"): "admin",
                  ("PATCH", f"/v1/apps/{APP}"): "admin", ("DELETE", f"/v1/apps/{APP}"): "admin",
                  ("GET", "/v1/callers"): "admin", ("POST", "/v1/callers"): "admin",
                  ("POST", "/v1/callers/backend/disable"): "admin", ("POST", "/v1/callers/backend/rotate"): "admin",
                  ("GET", "/v1/status"): "admin"}
        every = ["gateway", "token:read", "grant:read", "grant:write", "grant:revoke", "management"]
        for permission in sorted(set(needed.values())):
            others = ",".join(p for p in every if p != permission)
            key = self.world.add_caller(f"all-but-{permission.replace(':', '-')}", others)
            for (method, path), needs in needed.items():
                if needs == permission:
                    with self.subTest(f"{method} {path}"):
                        self.assert_answer(self.world.api(method, path, b"{}", key=key), 403, "forbidden")
        for method, path in needed:
            self.assert_answer(self.world.anonymous(method, path, b"{}"), 401, "unauthenticated")


class Open(harness.Case):
    def test_what_anybody_may_ask(self):
        pair = self.world.import_grant("ann-the-owner")
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.world.anonymous("GET", path).status, 200)
        metrics = self.world.anonymous("GET", "/metrics")
        self.assertEqual(metrics.status, 200)
        self.assertIn(b"# HELP keyfob_", metrics.body)
        for private in ("ann-the-owner", pair["vehicle"], pair["grant"]):
            self.assertNotIn(private.encode(), metrics.body)
        openapi = self.world.anonymous("GET", "/openapi.json").json
        self.assertTrue(openapi["openapi"].startswith("3."))
        for path in ("/v1/token", "/v1/grants", "/v1/grants/{id}", "/v1/connect"):
            self.assertIn(path, openapi["paths"])

    def test_unknown_paths_and_methods(self):
        self.assertEqual(self.world.api("GET", "/v1/nothing").status, 404)
        answer = self.world.api("PUT", "/v1/grants", b"{}")
        self.assert_answer(answer, 405, "method_not_allowed")
        self.assertIn("POST", answer.headers["allow"])


if __name__ == "__main__":
    harness.main()
