"""The vendor's own Node SDK, unmodified: the same calls against Keyfob (API key for access token) and against the
simulator by itself. What a program that uses the SDK sees must not tell the two apart, except where a token expires."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from partners import PACKAGES, ROOT, Sdk, SdkError, harness

NUMBER = (int, float)
READINGS = {  # method of the SDK: a field of its answer, and what that must be
    "attributes": ("make", str), "vin": ("vin", str), "odometer": ("distance", NUMBER), "location": ("latitude", NUMBER),
    "battery": ("percentRemaining", NUMBER), "batteryCapacity": ("capacity", NUMBER),
    "nominalCapacity": ("availableCapacities", list), "charge": ("state", str), "getChargeLimit": ("limit", NUMBER),
    "tirePressure": ("frontLeft", NUMBER), "lockStatus": ("isLocked", bool), "serviceHistory": ("data", list),
    "diagnosticSystemStatus": ("systems", list), "diagnosticTroubleCodes": ("activeCodes", list),
    "permissions": ("permissions", list)}
COMBUSTION = {"fuel": ("range", NUMBER), "engineOil": ("lifeRemaining", NUMBER)}


class Calls:
    """What every program may do. Needs `sdk`, `sim`, `token` (of one vehicle), `account` (of one user), `pair`,
    `client` (id and secret), `manager`."""

    def setUp(self):
        super().setUp()
        self.prepare()
        self.vehicle_id = self.pair["vehicles"][0]
        self.vehicle = self.sdk.vehicle(self.vehicle_id, self.token)

    def refused(self, work, *args, **how):
        with self.assertRaises(SdkError) as caught:
            work(*args, **how)
        return caught.exception

    def newest(self, path):
        return self.sim.requests(path)[0]

    def test_the_account(self):
        self.assertEqual(self.sdk.call("getUser", self.account)["id"], self.pair["user_id"])
        vehicles = self.sdk.call("getVehicles", self.account)
        self.assertEqual((vehicles["vehicles"], vehicles["paging"]), (self.pair["vehicles"], {"count": 1, "offset": 0}))
        paged = self.sdk.call("getVehicles", self.account, {"limit": 5, "offset": 1})
        self.assertEqual((paged["vehicles"], paged["paging"]["offset"]), ([], 1))

    def test_every_reading(self):
        powertrains = {"BEV": READINGS, "ICE": COMBUSTION}
        for powertrain, readings in powertrains.items():
            self.sim.post("vehicle", id=self.vehicle_id, powertrain=powertrain)
            for method, (field, kind) in readings.items():
                with self.subTest(method):
                    answer = self.vehicle(method)
                    self.assertIsInstance(answer[field], kind, answer)
                    self.assertRegex(answer["meta"]["requestId"], "^[0-9a-f-]{36}$")
        self.sim.post("vehicle", id=self.vehicle_id, powertrain="BEV")
        one = self.vehicle("permissions", {"limit": 1, "offset": 2})
        self.assertEqual(one["permissions"], [self.vehicle("permissions")["permissions"][2]])
        dated = self.vehicle("serviceHistory", "2026-01-01", "2026-02-01")
        self.assertEqual(len(dated["data"]), 1)
        self.assertEqual(self.newest(f"/v2.0/vehicles/{self.vehicle_id}/service/history")["query"],
                         "start_date=2026-01-01&end_date=2026-02-01")

    def test_what_the_answer_is_about_comes_with_it(self):
        metric = self.vehicle("odometer")
        self.assertEqual(metric["meta"]["unitSystem"], "metric")
        for moment in ("dataAge", "fetchedAt"):
            self.assertRegex(metric["meta"][moment], r"^\d{4}-\d\d-\d\dT")
        imperial = self.sdk.vehicle(self.vehicle_id, self.token, unitSystem="imperial")("odometer")
        self.assertEqual(imperial["meta"]["unitSystem"], "imperial")
        self.assertAlmostEqual(imperial["distance"], metric["distance"] * 0.621371, places=1)

    def test_a_trailing_slash_means_nothing(self):
        path = f"/v2.0/vehicles/{self.vehicle_id}/"
        self.vehicle("attributes")  # the SDK asks with the slash
        self.assertEqual(self.newest(path)["path"], path)
        self.sdk.call("getUser", self.account)
        self.assertEqual(self.newest("/v2.0/user/")["path"], "/v2.0/user/")
        self.assertEqual(self.vehicle("request", "GET", "odometer/")["body"], self.vehicle("request", "GET", "odometer")["body"])

    def test_commands(self):
        for method in ("lock", "unlock", "startCharge", "stopCharge"):
            answer = self.vehicle(method)
            self.assertEqual((answer["status"], answer["message"]), ("success", "Successfully sent request to vehicle"))
        self.assertFalse(self.vehicle("lockStatus")["isLocked"])
        self.vehicle("lock")
        self.assertTrue(self.vehicle("lockStatus")["isLocked"])
        self.assertEqual(self.vehicle("sendDestination", "52.1", 5.2)["status"], "success")

    def test_a_number_that_arrives_as_text(self):
        self.assertEqual(self.vehicle("setChargeLimit", 0.6)["status"], "success")  # the SDK sends "0.6"
        self.assertEqual(self.vehicle("getChargeLimit")["limit"], 0.6)
        error = self.refused(self.vehicle, "setChargeLimit", "7")
        self.assertEqual((error.statusCode, error.type), (400, "VALIDATION"))

    def test_a_batch(self):
        self.sim.post("vehicle", id=self.vehicle_id, powertrain="BEV")
        answer = self.vehicle("batch", ["/odometer", "/fuel", "/", "/tires/pressure", "/nothing"])
        self.assertEqual(set(answer), {"odometer", "fuel", "attributes", "tirePressure", "nothing"})
        self.assertIsInstance(answer["odometer"]["ok"]["distance"], NUMBER)
        self.assertEqual(answer["odometer"]["ok"]["meta"]["unitSystem"], "metric")
        self.assertEqual(answer["attributes"]["ok"]["id"], self.vehicle_id)
        fuel = answer["fuel"]["error"]
        self.assertEqual((fuel["type"], fuel["code"]), ("COMPATIBILITY", "VEHICLE_NOT_CAPABLE"))
        self.assertEqual(answer["nothing"]["error"]["type"], "RESOURCE_NOT_FOUND")

    def test_every_class_of_error(self):
        errors = {("VEHICLE_STATE", "ASLEEP"): 409, ("UPSTREAM", "NO_RESPONSE"): 502, ("BILLING", "VEHICLE_LIMIT"): 430,
                  ("COMPATIBILITY", "PLATFORM_NOT_CAPABLE"): 501, ("SERVER", "INTERNAL"): 500,
                  ("CONNECTED_SERVICES_ACCOUNT", "AUTHENTICATION_FAILED"): 400, ("RATE_LIMIT", "VEHICLE"): 429}
        for (kind, code), status in errors.items():
            with self.subTest(f"{kind}.{code}"):
                self.sim.post("vehicle", id=self.vehicle_id, error_type=kind, error_code=code)
                error = self.refused(self.vehicle, "odometer")
                self.assertEqual((error.statusCode, error.type, error.code), (status, kind, code))
                self.assertTrue(error.message.startswith(f"{kind}:{code} - "))
                self.assertRegex(error.requestId, "^[0-9a-f-]{36}$")
                if code == "AUTHENTICATION_FAILED":
                    self.assertEqual(error.resolution["type"], "REAUTHENTICATE")
                if kind == "RATE_LIMIT":
                    self.assertGreater(int(error.retryAfter), 0)
        self.sim.post("vehicle", id=self.vehicle_id, error_type="", error_code="")

    def test_wrong_paths(self):
        error = self.refused(self.vehicle, "request", "GET", "no/such/reading")
        self.assertEqual((error.statusCode, error.type, error.code), (404, "RESOURCE_NOT_FOUND", "PATH"))

    def test_an_html_page_instead_of_an_answer(self):
        self.sim.fault("status", where="api", status=503, error="html")
        error = self.refused(self.vehicle, "odometer")
        self.assertEqual(error.statusCode, 503)
        self.assertIn("<html", error.message.lower())

    def test_v3(self):
        self.assertEqual(self.vehicle("getSignals")["body"]["data"], [])  # nothing is collected without a subscription
        self.sim.post("settings", unsubscribed_signals="served")
        found = self.sdk.call("getVehicle", self.token, self.vehicle_id)["body"]
        self.assertEqual(found["data"]["id"], self.vehicle_id)
        signals = self.vehicle("getSignals")["body"]
        self.assertIn("odometer-traveleddistance", [s["id"] for s in signals["data"]])
        one = self.vehicle("getSignal", "odometer-traveleddistance")["body"]["data"]
        self.assertEqual(one["attributes"]["body"]["unit"], "km")
        self.assertEqual(one["attributes"]["status"]["value"], "SUCCESS")
        self.refused(self.vehicle, "getSignal", "no-such-signal")

    def test_v3_objects_without_a_wrapper(self):
        self.sim.post("settings", v3_wraps_single_objects=False, unsubscribed_signals="served")
        self.assertEqual(self.sdk.call("getVehicle", self.token, self.vehicle_id)["body"]["id"], self.vehicle_id)
        self.assertEqual(self.vehicle("getSignal", "odometer-traveleddistance")["body"]["id"], "odometer-traveleddistance")

    def test_webhooks_of_a_vehicle(self):
        hook = "6c1d6f52-2f09-4ee1-8a3c-1dd5f1a5a1a1"
        answer = self.vehicle("subscribe", hook)
        self.assertEqual((answer["webhookId"], answer["vehicleId"]), (hook, self.vehicle_id))
        self.assertEqual(self.vehicle("unsubscribe", self.manager, hook)["status"], "success")

    def test_compatibility(self):
        client = {"clientId": self.client[0], "clientSecret": self.client[1]}
        vin = self.vehicle("vin")["vin"]
        answer = self.sdk.call("getCompatibility", vin, ["read_odometer", "read_vin"], "US", client)
        self.assertTrue(answer["compatible"])
        self.assertEqual({c["permission"] for c in answer["capabilities"]}, {"read_odometer", "read_vin"})
        matrix = self.sdk.call("getCompatibilityMatrix", "US", client | {"scope": ["read_battery"]})
        self.assertIn("AUDI", matrix)

    def test_management(self):
        found = self.sdk.call("getConnections", self.manager, {"vehicleId": self.vehicle_id}, {"limit": 5})
        self.assertEqual([c["userId"] for c in found["connections"]], [self.pair["user_id"]])
        gone = self.sdk.call("deleteConnections", self.manager, {"vehicleId": self.vehicle_id})
        self.assertEqual([c["vehicleId"] for c in gone["connections"]], [self.vehicle_id])
        self.assertEqual(self.refused(self.vehicle, "odometer").statusCode, 403)

    def test_disconnect(self):
        self.assertEqual(self.vehicle("disconnect")["status"], "success")
        self.assertEqual(self.refused(self.vehicle, "odometer").statusCode, 403)


class Directly(Calls, unittest.TestCase):
    """The simulator by itself, as a team would use it in its own tests: real tokens, the vendor's credentials."""

    def prepare(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-sim-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        self.sim = harness.Sim(directory)
        self.addCleanup(self.sim.kill)
        self.sdk = Sdk(self, self.sim.origin)
        self.pair = self.sim.issue(client_id=harness.CLIENT_ID)
        self.token = self.account = self.pair["access_token"]
        self.client = (harness.CLIENT_ID, harness.CLIENT_SECRET)
        self.manager = harness.MANAGEMENT_TOKEN

    def test_consent_and_the_life_of_a_pair(self):
        auth = {"clientId": self.client[0], "clientSecret": self.client[1], "redirectUri": "http://localhost/cb"}
        url = self.sdk.call("getAuthUrl", ["read_odometer", "required:read_vin"], {"state": "s1", "forcePrompt": True}, auth=auth)
        self.assertTrue(url.startswith(self.sim.origin + "/oauth/authorize?"))  # the SDK takes its API origin for it
        asked = harness.exchange(self.sim.origin, "GET", url.removeprefix(self.sim.origin))
        back = dict(harness.urllib.parse.parse_qsl(harness.urllib.parse.urlsplit(asked.headers["location"]).query))
        access = self.sdk.call("exchangeCode", back["code"], auth=auth)
        self.assertEqual(self.sdk.call("getUser", access["accessToken"])["id"], back["user_id"])
        fresh = self.sdk.call("exchangeRefreshToken", access["refreshToken"], auth=auth)
        self.assertNotEqual(fresh["refreshToken"], access["refreshToken"])
        self.sim.post("expire")
        error = self.refused(self.sdk.call, "getUser", fresh["accessToken"])
        self.assertEqual((error.statusCode, error.type), (401, "AUTHENTICATION"))

    def test_refusals_of_the_token_endpoint(self):
        auth = {"clientId": self.client[0], "clientSecret": self.client[1]}
        for method, what in (("exchangeCode", "code"), ("exchangeRefreshToken", "refresh_token")):
            error = self.refused(self.sdk.call, method, "nonsense", auth=auth)
            self.assertEqual((error.statusCode, error.type, error.description),
                             (400, "invalid_request", f"Invalid {what}: nonsense."))
        wrong = self.refused(self.sdk.call, "exchangeRefreshToken", "x", auth=auth | {"clientSecret": "wrong"})
        self.assertEqual((wrong.statusCode, wrong.type), (401, "invalid_client"))


class ThroughKeyfob(Calls, harness.Case):
    """Keyfob in between: an API key stands wherever the SDK wants a token, a client secret or a management token."""

    def prepare(self):
        self.sdk = Sdk(self, self.world.daemon.origin)
        self.pair = self.world.import_grant("ann")
        self.token = self.world.api_key
        self.account = self.world.api_key + "~ann"
        manager = self.world.add_caller("manager", "gateway,management")
        self.manager = manager
        self.client = ("anything", self.world.api_key)

    def sent(self, path):
        return self.newest(path)["headers"]["authorization"]

    def test_an_expired_token_is_not_the_program_s_business(self):
        before = self.sim.rotations()
        self.sim.post("expire")
        self.assertIsInstance(self.vehicle("odometer")["distance"], NUMBER)
        self.assertEqual(self.vehicle("lock")["status"], "success")
        self.assertEqual(set(self.vehicle("batch", ["/odometer"])), {"odometer"})
        self.assertEqual(self.sim.rotations() - before, 1)

    def test_many_calls_on_one_expired_token(self):
        before = self.sim.rotations()
        self.sim.post("expire")
        target = {"id": self.vehicle_id, "token": self.token, "options": {}}
        for _ in range(30):
            self.sdk.send("odometer", vehicle=target)
        for _ in range(30):
            self.assertIsInstance(self.sdk.read()["distance"], NUMBER)
        self.assertEqual(self.sim.rotations() - before, 1)

    def test_the_provider_never_sees_the_api_key(self):
        for method in ("vin", "permissions"):
            self.vehicle(method)
        self.sdk.call("getVehicles", self.account)
        self.sdk.call("getConnections", self.manager)
        self.sdk.call("getCompatibility", self.vehicle("vin")["vin"], [], "US",
                      {"clientId": self.client[0], "clientSecret": self.client[1]})
        digest = "sha256:" + hashlib.sha256(self.token.encode()).hexdigest()[:16]
        log = str(self.sim.requests())
        self.assertNotIn(self.token, log)
        self.assertNotIn(digest, log)

    def test_a_user_of_its_own_for_every_key(self):
        bob = self.world.import_grant("bob")
        key = self.world.api_key
        self.assertEqual(self.sdk.call("getUser", key + "~bob")["id"], bob["user_id"])
        self.assertEqual(self.sdk.call("getVehicles", key + "~bob")["vehicles"], bob["vehicles"])
        foreign = self.sdk.vehicle(self.vehicle_id, key + "~bob")
        self.assertEqual(self.refused(foreign, "odometer").statusCode, 403)
        nobody = self.refused(self.sdk.call, "getUser", key)
        self.assertEqual((nobody.statusCode, nobody.code), (400, "user_required"))
        only_ann = self.world.add_caller("ann-only", "gateway", "--user", "ann")
        self.assertEqual(self.sdk.call("getUser", only_ann)["id"], self.pair["user_id"])
        self.assertEqual(self.refused(self.sdk.call, "getUser", only_ann + "~bob").statusCode, 401)

    def test_what_a_program_sees_of_keyfob_s_own_errors(self):
        wrong = self.refused(self.sdk.vehicle(self.vehicle_id, "kf_wrong"), "vin")
        self.assertEqual((wrong.statusCode, wrong.code, wrong.type), (401, "unauthenticated", "urn:keyfob:problem:unauthenticated"))
        self.world.api("DELETE", f"/v1/grants/{self.pair['grant']}")
        gone = self.refused(self.vehicle, "vin")
        self.assertEqual((gone.statusCode, gone.code, gone.detail), (424, "revoked", "the grant was revoked"))


class ThePage(harness.Case):
    """docs/how-to/sdks.md as it stands."""

    def test_the_example_runs(self):
        page = (ROOT / "docs" / "how-to" / "sdks.md").read_text()
        shell, program = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1] for kind in ("sh", "js"))
        pair = self.world.import_grant("ann")
        environment = dict(line.removeprefix("export ").split("=", 1) for line in shell.splitlines())
        origins = {name: value.replace("http://127.0.0.1:7420", self.world.daemon.origin) for name, value in environment.items()}
        self.assertNotIn("http://127.0.0.1:7420", origins.values())
        script = self.world.root / "page.js"
        script.write_text(f"(async () => {{\n{program}\n}})();\n")
        (self.world.root / "node_modules").symlink_to(PACKAGES / "node_modules")
        done = subprocess.run(["node", script], env=os.environ | origins | {"KEYFOB_KEY": self.world.api_key},
                              capture_output=True, text=True, timeout=harness.PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertGreater(float(done.stdout), 0)
        self.assertEqual(self.sim.requests(f"/v2.0/vehicles/{pair['vehicle']}/odometer")[0]["status"], 200)


if __name__ == "__main__":
    harness.main()
