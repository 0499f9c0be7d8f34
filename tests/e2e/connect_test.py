"""Consent: state, code, pair, user and vehicles; and everything that may be wrong with a callback."""

import urllib.parse

import harness
from harness import APP, CLIENT_ID, exchange


class Base(harness.Case):
    def setUp(self):
        super().setUp()
        self.world.cli_ok("app", "set", APP, "--scope", "read_vehicle_info", "--scope", "read_odometer",
                          "--return-to", "https://app.example.com/done?x=1")
        self.owner = self.sim.post("users", email="ann@example.com", vehicles=2)
        self.sim.post("consent", user="ann@example.com", auto=False)

    def begin(self, user="ann", **more):
        answer = self.world.api("POST", "/v1/connect", {"user": user} | more)
        self.assert_answer(answer, 201)
        self.assertEqual(set(answer.json), {"url", "state", "expires_in"})
        return answer.json

    def decide(self, url, **more):
        """What the owner's browser brings back from Connect: the query of the callback."""
        parts = urllib.parse.urlsplit(url)
        target = f"{parts.path}?{parts.query}" + "".join(f"&{k}={urllib.parse.quote(v)}" for k, v in more.items())
        answer = exchange(self.sim.origin, "GET", target)
        self.assertEqual(answer.status, 302, answer)
        return urllib.parse.urlsplit(answer.headers["location"]).query

    def call_back(self, query):
        return self.world.anonymous("GET", f"/connect/callback?{query}")

    def codes_exchanged(self):
        return self.sim.stats()["codes_exchanged"]


class Connecting(Base):
    def test_from_the_link_to_the_first_call(self):
        consent = self.begin()
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(consent["url"]).query)
        self.assertEqual(query["client_id"], [CLIENT_ID])
        self.assertEqual(query["response_type"], ["code"])
        self.assertEqual(query["scope"], ["read_vehicle_info read_odometer"])
        self.assertEqual((query["state"], query["mode"]), ([consent["state"]], ["live"]))
        answer = self.call_back(self.decide(consent["url"]))
        self.assertEqual(answer.status, 200, answer)
        self.assertIn(b"connected", answer.body)
        grants = self.world.api("GET", "/v1/grants").json["grants"]
        self.assertEqual(len(grants), 1, grants)
        self.assertEqual((grants[0]["user"], grants[0]["provider_user"]), ("ann", self.owner["id"]))
        cars = sorted(v["id"] for v in self.owner["vehicles"])
        self.assertEqual(sorted(grants[0]["vehicles"]), cars)
        for car in cars:
            self.assert_answer(self.world.api("GET", f"/v2.0/vehicles/{car}/odometer"), 200)
        self.assertEqual(self.world.api("GET", f"/v2.0/vehicles/{cars[0]}/location").status, 403)  # not consented to

    def test_the_command_line_makes_the_same_link(self):
        made = self.world.cli_ok("connect", "--app", APP, "--user", "ann", json_out=True).json
        self.assertEqual(self.call_back(self.decide(made["url"])).status, 200)
        self.assertTrue(self.sim.inspect(self.token_of("user=ann"))["live"])
        self.assertIn("/oauth/authorize?", self.world.cli_ok("connect", "--app", APP, "--user", "bob").out)

    def test_the_browser_goes_where_the_application_said(self):
        consent = self.begin(return_to="https://app.example.com/done?x=1")
        answer = self.call_back(self.decide(consent["url"]))
        self.assertEqual(answer.status, 303)
        grant = self.world.api("GET", "/v1/grants").json["grants"][0]["id"]
        self.assertEqual(answer.headers["location"], f"https://app.example.com/done?x=1&grant={grant}")
        self.assertEqual(answer.headers["referrer-policy"], "no-referrer")
        for other in ("https://evil.example.com/", "https://app.example.com/done", "https://app.example.com/done?x=1&y"):
            self.assert_answer(self.world.api("POST", "/v1/connect", {"user": "a", "return_to": other}), 400, "bad_request")

    def test_a_refusal_comes_back_to_the_application(self):
        consent = self.begin(return_to="https://app.example.com/done?x=1")
        answer = self.call_back(self.decide(consent["url"], auto="deny"))
        self.assertEqual((answer.status, answer.headers["location"]),
                         (303, "https://app.example.com/done?x=1&error=access_denied"))
        answer = self.call_back(self.decide(self.begin()["url"], auto="deny"))
        self.assertEqual(answer.status, 403)
        self.assertEqual((self.codes_exchanged(), self.world.api("GET", "/v1/grants").json["grants"]), (0, []))

    def test_states_that_are_not_ours_or_were_used(self):
        first = self.decide(self.begin()["url"])
        self.assertEqual(self.call_back(first).status, 200)
        used = self.call_back(first)
        self.assertEqual((used.status, used.code), (400, "unknown_state"))
        code = self.decide(self.begin()["url"])
        code = urllib.parse.parse_qs(code)["code"][0]
        for query in (f"code={code}&state=", f"code={code}", f"code={code}&state=invented",
                      f"code={code}&state={'A' * 43}", f"code={code}&state=%00", "", "state=x",
                      f"code={code}&state=a&state=b"):
            with self.subTest(query):
                answer = self.call_back(query)
                self.assertIn(answer.status, range(400, 500), answer)
        self.assertEqual(self.codes_exchanged(), 1)

    def test_a_state_of_another_installation(self):
        other = harness.World(sim_options=("--seed", "5"))
        self.addCleanup(other.close)
        other.start()
        foreign = other.api("POST", "/v1/connect", {"user": "ann"}).json["state"]
        code = urllib.parse.parse_qs(self.decide(self.begin()["url"]))["code"][0]
        answer = self.call_back(f"code={code}&state={foreign}")
        self.assertEqual((answer.status, answer.code, self.codes_exchanged()), (400, "unknown_state", 0))

    def test_a_state_survives_a_restart_and_works_once(self):
        query = self.decide(self.begin()["url"])
        self.world.restart()
        answers = harness.together(5, lambda i: self.call_back(query))
        self.assertEqual(sorted(a.status for a in answers), [200, 400, 400, 400, 400])
        self.assertEqual(self.codes_exchanged(), 1)

    def test_a_code_that_the_provider_refuses(self):
        state = self.begin()["state"]
        answer = self.call_back(f"code=11111111-2222-4333-8444-555555555555&state={state}")
        self.assertGreaterEqual(answer.status, 400)
        self.assertNotIn(b"11111111-2222", answer.body)
        self.assertEqual(self.world.api("GET", "/v1/grants").json["grants"], [])

    def test_the_pair_is_kept_although_user_and_vehicles_cannot_be_fetched(self):
        query = self.decide(self.begin()["url"])
        self.sim.fault("status", where="api", status=503, times=0)
        self.assertEqual(self.call_back(query).status, 200)
        self.world.daemon.kill()
        self.world.serve()
        self.sim.clear_faults()
        self.assertTrue(self.sim.inspect(self.token_of("user=ann"))["live"])

    def test_the_same_owner_again_replaces_the_pair(self):
        self.call_back(self.decide(self.begin()["url"]))
        before = self.world.api("GET", "/v1/grants").json["grants"][0]
        self.call_back(self.decide(self.begin()["url"]))
        after = self.world.api("GET", "/v1/grants").json["grants"]
        self.assertEqual([g["id"] for g in after], [before["id"]])
        self.assertGreater(after[0]["epoch"], before["epoch"])

    def test_markup_in_an_error_is_not_markup_on_our_page(self):
        state = self.begin()["state"]
        answer = self.call_back(f"error=%3Cscript%3E&error_description=%3Cimg%20src%3Dx%3E&state={state}")
        self.assertNotIn(b"<script>", answer.body)
        self.assertNotIn(b"<img", answer.body)
        self.assertIn("default-src 'none'", answer.headers["content-security-policy"])


class Owners(Base):
    def grants(self, user):
        return self.world.api("GET", f"/v1/grants?user={user}").json["grants"]

    def connect(self, user, owner, **more):
        answer = self.call_back(self.decide(self.begin(user, **more)["url"], auto="allow", auto_user=owner))
        self.assertEqual(answer.status, 200, answer)

    def test_one_user_with_two_accounts_has_two_grants(self):
        other = self.sim.post("users", email="second@example.com", vehicles=1)
        self.connect("ann", "ann@example.com")
        self.connect("ann", "second@example.com")
        self.assertEqual({g["provider_user"] for g in self.grants("ann")}, {self.owner["id"], other["id"]})
        for owner in (self.owner, other):
            self.assert_answer(self.world.api("GET", f"/v2.0/vehicles/{owner['vehicles'][0]['id']}/odometer"), 200)

    def test_two_users_sharing_a_vehicle_are_told_apart_by_name(self):
        vin = self.owner["vehicles"][0]["vin"]
        self.sim.post("users", email="bob@example.com", vehicles=[{"vin": vin}])
        self.connect("ann", "ann@example.com")
        self.connect("bob", "bob@example.com")
        shared = self.owner["vehicles"][0]["id"]
        self.assertIn(shared, self.grants("bob")[0]["vehicles"])
        path = f"/v2.0/vehicles/{shared}/odometer"
        self.assert_answer(self.world.api("GET", path), 409, "ambiguous_grant")
        for user in ("ann", "bob"):
            answer = self.assert_answer(self.world.api("GET", path, headers={"Keyfob-User": user}), 200)
            self.assertEqual(answer.headers["keyfob-grant"], self.grants(user)[0]["id"])

    def test_a_single_select_grant_opens_one_vehicle_beside_the_account_wide_one(self):
        self.connect("ann", "ann@example.com")
        vin = self.owner["vehicles"][1]["vin"]
        self.connect("ann", "ann@example.com", single_select=True, single_select_vin=vin)
        grants = self.grants("ann")
        self.assertEqual(sorted(len(g["vehicles"]) for g in grants), [1, 2])
        one = next(g for g in grants if len(g["vehicles"]) == 1)
        car = self.owner["vehicles"][1]["id"]
        self.assertEqual(one["vehicles"], [car])
        answer = self.assert_answer(self.world.api("GET", f"/v2.0/vehicles/{car}/odometer"), 200)
        self.assertEqual(answer.headers["keyfob-grant"], one["id"])


class PublicSide(harness.Case):
    start = False

    def test_the_public_listener_serves_callbacks_and_nothing_else(self):
        port = harness.free_port()
        self.world.configure("server", "public_listen", f'["127.0.0.1:{port}"]')
        self.world.configure("server", "public_url", '"https://keyfob.example.com"')
        self.world.start()
        origin = f"http://127.0.0.1:{port}"
        self.assertEqual(exchange(origin, "GET", "/connect/callback?state=x&code=y").status, 400)
        for path in ("/v1/token?user=a", "/v1/version", "/metrics", "/healthz", "/v2.0/vehicles/x", "/"):
            headers = {"Authorization": f"Bearer {self.world.api_key}"}
            self.assertEqual(exchange(origin, "GET", path, headers=headers).status, 404, path)


if __name__ == "__main__":
    harness.main()
