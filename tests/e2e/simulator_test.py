"""smartcar-sim by itself, as a team would use it in its own tests: what docs/simulator.md says, from the outside."""

import base64
import pathlib
import shutil
import tempfile
import unittest
import urllib.parse

import harness
from harness import CLIENT_ID, CLIENT_SECRET, exchange, together

BASIC = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
CALLBACK = "http://localhost/cb"


class SimCase(unittest.TestCase):
    options = ("--clock", "manual", "--seed", "1")

    def setUp(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-sim-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        self.sim = harness.Sim(directory, *self.options)
        self.addCleanup(self.sim.kill)

    def authorize(self, **more):
        query = {"response_type": "code", "client_id": CLIENT_ID, "redirect_uri": CALLBACK, "state": "s1"} | more
        answer = exchange(self.sim.origin, "GET", "/oauth/authorize?" + urllib.parse.urlencode(query))
        self.assertEqual(answer.status, 302, answer)
        location = urllib.parse.urlsplit(answer.headers["location"])
        return dict(urllib.parse.parse_qsl(location.query))

    def token(self, authorization=BASIC, **form):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if authorization:
            headers["Authorization"] = authorization
        return exchange(self.sim.origin, "POST", "/oauth/token", urllib.parse.urlencode(form).encode(), headers)

    def refresh(self, token):
        return self.token(grant_type="refresh_token", refresh_token=token)

    def connect(self):
        code = self.authorize()["code"]
        return self.token(grant_type="authorization_code", code=code, redirect_uri=CALLBACK).json

    def get(self, path, pair):
        return exchange(self.sim.origin, "GET", path, headers={"Authorization": f"Bearer {pair['access_token']}"})


class Life(SimCase):
    def test_from_consent_to_a_call(self):
        back = self.authorize()
        self.assertEqual(set(back), {"code", "user_id", "state"})
        answer = self.token(grant_type="authorization_code", code=back["code"], redirect_uri=CALLBACK)
        self.assertEqual((answer.status, set(answer.json)), (200, {"access_token", "token_type", "expires_in", "refresh_token"}))
        pair = answer.json
        self.assertEqual(self.get("/v2.0/user", pair).json, {"id": back["user_id"]})
        vehicle = self.get("/v2.0/vehicles", pair).json["vehicles"][0]
        odometer = self.get(f"/v2.0/vehicles/{vehicle}/odometer", pair)
        self.assertEqual((odometer.status, set(odometer.json)), (200, {"distance"}))
        for header in ("sc-request-id", "sc-data-age", "sc-fetched-at", "sc-unit-system"):
            self.assertIn(header, odometer.headers)
        again = self.token(grant_type="authorization_code", code=back["code"], redirect_uri=CALLBACK)
        self.assertEqual((again.status, again.json["error"]), (400, "invalid_request"))

    def test_refusals_at_connect(self):
        self.assertEqual(self.authorize(auto="deny")["error"], "access_denied")
        self.assertEqual(self.authorize(auto="no_vehicles")["error"], "no_vehicles")
        answer = exchange(self.sim.origin, "GET", "/oauth/authorize?response_type=code&client_id=wrong&redirect_uri=" + CALLBACK)
        self.assertEqual(answer.status, 400)
        page = exchange(self.sim.origin, "GET", f"/oauth/authorize?response_type=code&client_id={CLIENT_ID}&redirect_uri={CALLBACK}",
                        headers={"Accept": "text/html"})
        self.assertEqual((page.status, page.headers["content-type"].split(";")[0]), (200, "text/html"))

    def test_expiry_and_errors_have_the_vendor_s_shape(self):
        pair = self.connect()
        self.sim.post("advance", seconds=7200)
        answer = self.get("/v2.0/vehicles", pair)
        self.assertEqual(answer.status, 401)
        self.assertEqual(set(answer.json), {"type", "code", "description", "docURL", "statusCode", "requestId", "resolution"})
        self.assertEqual((answer.json["type"], answer.json["code"]), ("AUTHENTICATION", None))
        wrong = self.token(authorization="Basic " + base64.b64encode(f"{CLIENT_ID}:no".encode()).decode(),
                           grant_type="refresh_token", refresh_token="x")
        self.assertEqual((wrong.status, wrong.json["error"]), (401, "invalid_client"))


class Rotation(SimCase):
    def test_the_window(self):
        first = self.connect()
        second = self.refresh(first["refresh_token"]).json
        self.sim.post("advance", seconds=59)
        again = self.refresh(first["refresh_token"])
        self.assertEqual(again.json["refresh_token"], second["refresh_token"])
        self.assertEqual(self.get("/v2.0/user", first).status, 200)  # the older access token lives on
        self.sim.post("advance", seconds=2)
        late = self.refresh(first["refresh_token"])
        self.assertEqual((late.status, late.json["error_description"]),
                         (400, f"Invalid refresh_token: {first['refresh_token']}."))
        self.assertEqual(self.refresh(second["refresh_token"]).status, 200)
        stats = self.sim.stats()
        self.assertEqual((stats["rotations"], stats["late_uses"], stats["refresh"]["second_uses"]), (2, 1, 1))

    def test_strict_and_family_revocation(self):
        self.sim.post("settings", rotation="strict", strict_revokes_family=True)
        first = self.connect()
        second = self.refresh(first["refresh_token"]).json
        self.assertEqual(self.refresh(first["refresh_token"]).status, 400)
        self.assertEqual(self.refresh(second["refresh_token"]).status, 400)
        self.assertEqual(self.get("/v2.0/user", second).status, 401)

    def test_none(self):
        self.sim.post("settings", rotation="none")
        pair = self.connect()
        for _ in range(3):
            self.assertEqual(self.refresh(pair["refresh_token"]).json["refresh_token"], pair["refresh_token"])

    def test_one_use_of_a_token_by_many_at_once_is_one_rotation(self):
        pair = self.connect()
        answers = together(20, lambda i: self.refresh(pair["refresh_token"]))
        self.assertEqual(len({a.json["refresh_token"] for a in answers}), 1)
        self.assertEqual(self.sim.rotations(), 1)

    def test_the_three_ways_of_client_authentication(self):
        for style in ("basic", "body", "query"):
            pair = self.connect()
            form = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
            secret = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
            if style == "basic":
                answer = self.token(**form)
            elif style == "body":
                answer = self.token(authorization=None, **form, **secret)
            else:
                answer = exchange(self.sim.origin, "POST", "/oauth/token?" + urllib.parse.urlencode(secret | form), b"",
                                  {"Content-Type": "application/x-www-form-urlencoded"})
            self.assertEqual(answer.status, 200, style)
            self.assertEqual(self.sim.requests("/oauth/token")[0]["client_auth"], style)
        self.assertEqual(self.sim.stats()["secrets_in_urls"], 1)


class Faults(SimCase):
    def test_every_fault_strikes_once_and_says_so(self):
        pair = self.connect()
        token = pair["refresh_token"]
        for kind in ("drop_before", "reset_before", "drop_after_rotation", "reset_after_rotation", "cut_body"):
            self.sim.fault(kind)
            with self.assertRaises((OSError, harness.http.client.HTTPException)):
                self.refresh(token)
            token = self.refresh(token).json["refresh_token"]
        for kind, status in (("html200", 200), ("status", 503), ("retry_after", 429), ("cut_json", 200)):
            self.sim.fault(kind)
            answer = self.refresh(token)
            self.assertEqual(answer.status, status, kind)
            with self.assertRaises((ValueError, KeyError)):
                self.fail(answer.json["refresh_token"])
        for kind, field in (("missing_refresh_token", "refresh_token"), ("missing_access_token", "access_token"),
                            ("missing_expires_in", "expires_in")):
            self.sim.fault(kind)
            self.assertNotIn(field, self.refresh(token).json)
        self.assertEqual(self.sim.stats()["faults_struck"], 12)
        self.assertEqual(self.refresh(token).status, 200)

    def test_faults_of_a_vehicle(self):
        asleep = self.sim.post("users", email="VEHICLE_STATE.ASLEEP@smartcar.com", vehicles=1)
        pair = self.sim.issue(user=asleep["id"])
        answer = self.get(f"/v2.0/vehicles/{pair['vehicles'][0]}/odometer", pair)
        self.assertEqual((answer.status, answer.json["type"], answer.json["code"]), (409, "VEHICLE_STATE", "ASLEEP"))

    def test_no_secret_is_in_the_request_log(self):
        pair = self.connect()
        self.refresh(pair["refresh_token"])
        self.get("/v2.0/user", pair)
        log = str(self.sim.requests())
        for secret in (CLIENT_SECRET, BASIC.split()[1], pair["access_token"], pair["refresh_token"]):
            self.assertNotIn(secret, log)


class Repeatable(SimCase):
    def test_the_same_seed_gives_the_same_tokens(self):
        first = self.connect()
        self.sim.kill()
        self.setUp()
        self.assertEqual(self.connect(), first)

    def test_it_ends_with_0_on_sigterm(self):
        self.assertEqual(self.sim.stop(), 0)


if __name__ == "__main__":
    harness.main()
