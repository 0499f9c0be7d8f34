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


class Parameters(Base):
    def test_every_parameter_of_connect_reaches_the_provider(self):
        asked = {"scope": "read_vin control_security", "make": "TESLA", "single_select": True,
                 "single_select_vin": "0SCTESLA012345678"[:17], "flags": "country:DE color:00819D", "force": True,
                 "external_id": "ext-7", "share_user": True}
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.begin(**asked)["url"]).query)
        want = {"response_type": "code", "client_id": CLIENT_ID, "scope": "read_vin control_security", "make": "TESLA",
                "single_select": "true", "single_select_vin": "0SCTESLA012345678"[:17], "mode": "live",
                "flags": "country:DE color:00819D", "approval_prompt": "force", "external_id": "ext-7", "user": "ann"}
        self.assertEqual({k: query[k][0] for k in want}, want)
        self.assertEqual(set(query) - set(want), {"state", "redirect_uri"})
        made = self.world.cli_ok("connect", "--app", APP, "--user", "ann", "--make", "TESLA", "--flags", "country:DE",
                                 "--external-id", "ext-7", "--single-select", "--force", "--share-user", json_out=True).json
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(made["url"]).query)
        self.assertEqual((query["make"], query["user"], query["single_select"]), (["TESLA"], ["ann"], ["true"]))

    def test_your_own_id_of_the_user_stays_at_home_unless_told(self):
        self.assertNotIn("ann", self.begin()["url"])

    def test_every_error_of_connect_comes_back_with_its_details(self):
        there = "https://app.example.com/done?x=1"
        for error in ("access_denied", "vehicle_incompatible", "invalid_subscription", "no_vehicles",
                      "user_manually_returned_to_application", "oem_cancelled_login", "configuration_error", "server_error"):
            with self.subTest(error):
                state = self.begin(return_to=there)["state"]
                details = {"vehicle_incompatible": {"vin": "0SCAUDI012FE3B132", "make": "AUDI", "model": "e-tron",
                                                    "year": "2021"},
                           "configuration_error": {"status_code": "400", "error_message": "no such scope"}}.get(error, {})
                query = urllib.parse.urlencode({"error": error, "error_description": "words"} | details | {"state": state})
                answer = self.call_back(query)
                self.assertEqual(answer.status, 303, answer)
                back = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.headers["location"]).query)
                self.assertEqual(back, {"x": ["1"], "error": [error]} | {k: [v] for k, v in details.items()})

    def test_what_the_simulated_provider_says_of_a_vehicle_that_cannot_be_used(self):
        query = self.decide(self.begin(return_to="https://app.example.com/done?x=1")["url"], auto="vehicle_incompatible")
        back = urllib.parse.parse_qs(urllib.parse.urlsplit(self.call_back(query).headers["location"]).query)
        said = urllib.parse.parse_qs(query)
        self.assertEqual({k: back.get(k) for k in ("vin", "make", "model", "year")},
                         {k: said.get(k) for k in ("vin", "make", "model", "year")})


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

    def test_re_authentication_keeps_the_tokens_and_brings_the_grant_back(self):
        self.connect("ann", "ann@example.com")
        grant = self.grants("ann")[0]
        car = grant["vehicles"][0]
        token = self.token_of("user=ann")
        self.sim.post("vehicle", id=car, error_type="CONNECTED_SERVICES_ACCOUNT", error_code="AUTHENTICATION_FAILED")
        self.world.api("GET", f"/v2.0/vehicles/{car}/odometer")
        harness.eventually(lambda: self.world.grant(grant["id"])["attention"], "the provider asks for the owner")
        made = self.begin(reauthenticate=car, return_to="https://app.example.com/done?x=1")
        self.assertIn("/oauth/reauthenticate?response_type=vehicle_id", made["url"])
        answer = self.call_back(self.decide(made["url"]))
        self.assertEqual(answer.headers["location"], f"https://app.example.com/done?x=1&grant={grant['id']}")
        after = self.world.grant(grant["id"])
        self.assertEqual((after["attention"], after["status"], after["epoch"]), (None, "active", grant["epoch"]))
        self.assertEqual(self.token_of("user=ann"), token)
        self.assertEqual(self.call_back(f"vehicle_id={car}&state={made['state']}").code, "unknown_state")
        other = self.begin("bob", reauthenticate=car)
        self.assertGreaterEqual(self.call_back(f"vehicle_id={car}&state={other['state']}").status, 400)


class Confirmed(Base):
    """A link that a stranger opened attaches nothing until the backend said whose browser came back."""

    def come_back(self, **more):
        made = self.begin(confirm=True, return_to="https://app.example.com/done?x=1", **more)
        answer = self.call_back(self.decide(made["url"]))
        self.assertEqual(answer.status, 303, answer)
        self.assertIn("confirm=required", answer.headers["location"])
        return made["state"]

    def confirm(self, state, user="ann"):
        return self.world.api("POST", "/v1/connect/confirm", {"state": state, "user": user})

    def test_nothing_is_usable_before_and_everything_after(self):
        state = self.come_back()
        car = self.owner["vehicles"][0]["id"]
        self.world.restart()
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 404, "unknown_grant")
        self.assert_answer(self.world.api("GET", f"/v2.0/vehicles/{car}/odometer"), 404, "unknown_grant")
        waiting = self.world.api("GET", "/v1/grants").json["grants"]
        self.assertTrue(waiting[0]["user"].startswith("unconfirmed:"))
        hidden = urllib.parse.quote(waiting[0]["user"])
        self.assert_answer(self.world.api("GET", f"/v1/token?user={hidden}"), 404, "unknown_grant")
        done = self.assert_answer(self.confirm(state), 200).json
        self.assertEqual((done["user"], done["provider_user"], len(done["vehicles"])), ("ann", self.owner["id"], 2))
        self.assert_answer(self.world.api("GET", f"/v2.0/vehicles/{car}/odometer"), 200)
        self.assertEqual([g["user"] for g in self.world.api("GET", "/v1/grants").json["grants"]], ["ann"])

    def test_a_confirmation_whose_answer_was_lost_can_be_asked_for_again(self):
        self.call_back(self.decide(self.begin("ann")["url"]))  # the owner has a grant already: the new pair joins it
        state = self.come_back()
        first = self.assert_answer(self.confirm(state), 200).json
        for _ in range(2):
            again = self.assert_answer(self.confirm(state), 200).json
            self.assertEqual((again["id"], again["epoch"]), (first["id"], first["epoch"]))
        self.world.restart()
        self.assertEqual(self.assert_answer(self.confirm(state), 200).json["id"], first["id"])
        self.assert_answer(self.confirm(state, "bob"), 400, "unknown_state")
        self.assertGreaterEqual(self.call_back(f"code=another&state={state}").status, 400)
        self.assertEqual(len(self.world.api("GET", "/v1/grants").json["grants"]), 1)

    def test_only_this_state_and_this_user(self):
        state = self.come_back()
        for wrong in ({"state": "invented", "user": "ann"}, {"state": state, "user": "bob"}):
            self.assert_answer(self.world.api("POST", "/v1/connect/confirm", wrong), 400, "unknown_state")
        self.assert_answer(self.world.api("POST", "/v1/connect/confirm", {"state": state}), 400, "bad_request")
        never = self.begin(confirm=True)["state"]  # the browser did not come back yet
        self.assert_answer(self.confirm(never), 400, "unknown_state")
        self.assert_answer(self.confirm(state), 200)

    def test_nobody_may_take_such_a_name_by_import(self):
        pair = self.sim.issue(client_id=CLIENT_ID)
        body = {"user": "unconfirmed:x", "vehicles": [], "access_token": pair["access_token"],
                "refresh_token": pair["refresh_token"], "expires_in": 60}
        self.assert_answer(self.world.api("POST", "/v1/grants", body), 400, "bad_request")
        self.assert_answer(self.world.api("POST", "/v1/connect", {"user": "unconfirmed:x"}), 400, "bad_request")

    def test_a_pair_that_nobody_confirmed_in_time_ends_at_the_provider_and_here(self):
        state = self.come_back()
        token = self.sim.get("grants")["grants"]
        self.assertTrue(token)
        self.world.daemon.stop()
        self.world.sql("UPDATE grants SET created_at = created_at - 1000000, due_at = due_at - 1000000")
        self.world.serve()
        harness.eventually(lambda: not self.world.api("GET", "/v1/grants").json["grants"], "it is dropped")
        self.assert_answer(self.confirm(state), 400, "unknown_state")
        self.assertEqual(self.sim.stats()["connections"], 0)

    def test_a_stranger_s_rightful_grant_survives_the_link_that_was_sent_to_him(self):
        self.call_back(self.decide(self.begin("stranger")["url"]))
        self.come_back(user="attacker")
        self.world.daemon.stop()
        self.world.sql("UPDATE grants SET created_at = created_at - 1000000, due_at = due_at - 1000000 "
                       "WHERE user_id LIKE 'unconfirmed:%'")
        self.world.serve()
        harness.eventually(lambda: len(self.world.api("GET", "/v1/grants").json["grants"]) == 1, "it is dropped")
        car = self.owner["vehicles"][0]["id"]
        self.assert_answer(self.world.api("GET", f"/v2.0/vehicles/{car}/odometer"), 200)


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
