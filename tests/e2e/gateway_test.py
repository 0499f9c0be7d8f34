"""The gateway: what passes unchanged, what never passes, and who may call what."""

import hashlib

import harness
from harness import CLIENT_ID, raw_exchange


def digest(secret):
    """How the simulator shows a secret in its request log."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()[:16]


class Passing(harness.Case):
    def setUp(self):
        super().setUp()
        self.pair = self.world.import_grant("ann")
        self.path = f"/v2.0/vehicles/{self.pair['vehicle']}"

    def seen(self, path=None):
        """The newest request that the simulator saw for a path."""
        return self.sim.requests(path or self.path)[0]

    def test_the_grant_s_token_replaces_the_caller_s_credential(self):
        answer = self.assert_answer(self.world.api("GET", self.path), 200)
        self.assertEqual(answer.json["id"], self.pair["vehicle"])
        self.assertEqual(answer.headers["keyfob-grant"], self.pair["grant"])
        self.assertEqual(self.seen()["headers"]["authorization"], "Bearer " + digest(self.pair["access_token"]))

    def test_method_query_headers_and_answer_headers_pass_unchanged(self):
        answer = self.world.api("GET", self.path + "/odometer?x=1&y=%20z", headers={"sc-unit-system": "imperial",
                                                                                  "X-Own": "as it is"})
        self.assert_answer(answer, 200)
        seen = self.seen(self.path + "/odometer")
        self.assertEqual((seen["method"], seen["query"]), ("GET", "x=1&y=%20z"))
        headers = seen["headers"]
        self.assertEqual((headers["sc-unit-system"], headers["x-own"]), ("imperial", "as it is"))
        self.assertEqual(answer.headers["sc-unit-system"], "imperial")
        for name in ("sc-request-id", "sc-data-age", "sc-fetched-at"):
            self.assertIn(name, answer.headers)

    def test_hop_by_hop_headers_and_ours_are_not_forwarded(self):
        request = (f"GET {self.path} HTTP/1.1\r\nHost: keyfob\r\nAuthorization: Bearer {self.world.api_key}\r\n"
                   "Keyfob-User: ann\r\nKeyfob-Anything: x\r\nConnection: X-Named, close\r\nX-Named: secret\r\n"
                   "Keep-Alive: timeout=5\r\nTE: gzip\r\nProxy-Authorization: Basic eA==\r\n"
                   "Proxy-Connection: keep-alive\r\nX-Stays: yes\r\n\r\n")
        answer = raw_exchange(self.world.daemon.origin, request.encode())
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)
        names = set(self.seen()["headers"])
        self.assertIn("x-stays", names)
        for name in ("x-named", "keep-alive", "te", "proxy-authorization", "proxy-connection", "keyfob-user",
                     "keyfob-anything", "upgrade"):
            self.assertNotIn(name, names)

    def test_a_command_passes_with_its_body(self):
        answer = self.world.api("POST", self.path + "/charge/limit", {"limit": 0.7})
        self.assert_answer(answer, 200)
        self.assertEqual(self.world.api("GET", self.path + "/charge/limit").json, {"limit": 0.7})

    def test_the_provider_s_errors_pass_unchanged(self):
        self.sim.post("vehicle", id=self.pair["vehicle"], error_type="VEHICLE_STATE", error_code="ASLEEP")
        answer = self.world.api("GET", self.path + "/odometer")
        self.assertEqual((answer.status, answer.json["code"], answer.code), (409, "ASLEEP", None))

    def test_many_requests_on_one_connection(self):
        one = (f"GET {self.path}/vin HTTP/1.1\r\nHost: k\r\nAuthorization: Bearer {self.world.api_key}\r\n\r\n").encode()
        last = one.replace(b"Host: k", b"Host: k\r\nConnection: close")
        answer = raw_exchange(self.world.daemon.origin, one)
        self.assertIn(b'{"vin":', answer)
        with harness.socket.create_connection(self.address(), timeout=harness.PATIENCE) as s:
            s.sendall(one * 3 + last)
            got = b""
            while piece := s.recv(65536):
                got += piece
        self.assertEqual(got.count(b"HTTP/1.1 200"), 4)

    def address(self):
        parts = harness.urllib.parse.urlsplit(self.world.daemon.origin)
        return parts.hostname, parts.port

    def test_an_api_that_does_not_answer_is_502(self):
        self.sim.fault("drop_before", where="api", times=0)
        self.assert_answer(self.world.api("GET", self.path), 502, "upstream_unreachable")
        self.assert_answer(self.world.api("POST", self.path + "/charge", {"action": "START"}), 502,
                           "upstream_unreachable")
        self.assertEqual(len(self.sim.requests(self.path + "/charge")), 1)  # a command is never sent twice

    def test_a_head_request_has_no_body(self):
        request = (f"HEAD {self.path} HTTP/1.1\r\nHost: k\r\nConnection: close\r\n"
                   f"Authorization: Bearer {self.world.api_key}\r\n\r\n")
        answer = raw_exchange(self.world.daemon.origin, request.encode())
        self.assertEqual(answer.partition(b"\r\n\r\n")[2], b"")


class Timeout(harness.Case):
    config = {("upstream", "timeout"): '"1s"'}

    def test_an_api_that_takes_too_long_is_504(self):
        pair = self.world.import_grant("ann")
        self.sim.fault("hold", where="api")
        answer = self.world.api("GET", f"/v2.0/vehicles/{pair['vehicle']}")
        self.assert_answer(answer, 504, "upstream_timeout")
        self.sim.post("release")


class Refusing(harness.Case):
    def setUp(self):
        super().setUp()
        self.pair = self.world.import_grant("ann")
        self.vehicle = self.pair["vehicle"]
        self.path = f"/v2.0/vehicles/{self.vehicle}"

    def check_nothing_was_forwarded(self):
        forwarded = [r for r in self.sim.requests() if not r["path"].startswith("/oauth")]
        self.assertEqual(forwarded, [])

    def test_paths_that_two_readers_could_read_differently(self):
        for path in (f"{self.path}/../{self.vehicle}", f"{self.path}/%2e%2e/x", f"{self.path}/%2E./x", f"{self.path}/./vin",
                     f"{self.path}%2fvin", f"{self.path}%2Fvin", f"{self.path}/%00", f"{self.path}//vin", f"/{self.path}",
                     f"{self.path}/%5c", f"{self.path}/%zz", f"{self.path}/a%"):
            with self.subTest(path):
                self.assert_answer(self.world.api("GET", path), 400, "bad_request")
        self.check_nothing_was_forwarded()

    def test_heads_that_are_not_strict_http(self):
        authorization = f"Authorization: Bearer {self.world.api_key}\r\n"
        start = f"GET {self.path} HTTP/1.1\r\nHost: k\r\n{authorization}"
        post = f"POST {self.path}/charge HTTP/1.1\r\nHost: k\r\n{authorization}"
        for name, head in {
                "two lengths": post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
                "length and chunks": post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "unknown coding": post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                "a bare line feed": start.replace("\r\n", "\n") + "\n",
                "a folded header": start + "X-A: b\r\n c\r\n\r\n",
                "space before the colon": start + "X-A : b\r\n\r\n",
                "no host": f"GET {self.path} HTTP/1.1\r\n{authorization}\r\n",
                "two hosts": start + "Host: other\r\n\r\n",
                "a control character": start + "X-A: b\x01\r\n\r\n",
                "another version": start.replace("HTTP/1.1", "HTTP/2.0") + "\r\n",
                "two credentials": start + "Authorization: Bearer other\r\n\r\n",
                "a negative length": post + "Content-Length: -1\r\n\r\n"}.items():
            with self.subTest(name):
                answer = raw_exchange(self.world.daemon.origin, head.encode("latin-1"))
                self.assertRegex(answer.split(b"\r\n")[0], rb"^HTTP/1\.1 (400|401|501|505) ")
        self.check_nothing_was_forwarded()

    def test_no_credential_and_wrong_credentials(self):
        for headers in ({}, {"Authorization": "Bearer kf_x_y"}, {"Authorization": "Basic eDp5"},
                        {"Authorization": "Bearer " + self.world.api_key[:-1]},
                        {"Authorization": "Bearer " + self.pair["access_token"]}):
            self.assert_answer(self.world.anonymous("GET", self.path, headers=headers), 401, "unauthenticated")
        self.check_nothing_was_forwarded()

    def test_an_unknown_vehicle_and_an_unknown_route(self):
        other = self.sim.issue(client_id=CLIENT_ID)["vehicles"][0]  # a real vehicle, of no grant of ours
        self.assert_answer(self.world.api("GET", f"/v2.0/vehicles/{other}"), 404, "unknown_grant")
        self.assert_answer(self.world.api("GET", "/v9/vehicles"), 404, "no_route")
        self.assert_answer(self.world.api("GET", "/"), 404, "no_route")
        self.check_nothing_was_forwarded()

    def test_a_user_that_contradicts_the_vehicle(self):
        self.world.import_grant("bob")
        answer = self.world.api("GET", self.path, headers={"Keyfob-User": "bob"})
        self.assert_answer(answer, 403, "forbidden")
        self.check_nothing_was_forwarded()

    def test_a_route_about_a_user_needs_one(self):
        self.assert_answer(self.world.api("GET", "/v2.0/user"), 400, "user_required")
        answer = self.world.api("GET", "/v2.0/user", headers={"Keyfob-User": "ann"})
        self.assertEqual(self.assert_answer(answer, 200).json, {"id": self.pair["user_id"]})

    def test_two_users_of_one_vehicle_must_be_told_apart(self):
        vin = "1FTFW1ET5DFC10312"
        owners = [self.sim.post("users", vehicles=[{"vin": vin}]) for _ in range(2)]
        shared = owners[0]["vehicles"][0]["id"]
        self.assertEqual(shared, owners[1]["vehicles"][0]["id"])
        pairs = [self.sim.issue(user=o["id"], client_id=CLIENT_ID) for o in owners]
        for user, pair in zip(("cid", "dan"), pairs):
            self.world.import_grant(user, pair=pair, provider_user=pair["user_id"])
        path = f"/v2.0/vehicles/{shared}"
        self.assert_answer(self.world.api("GET", path), 409, "ambiguous_grant")
        for user, pair in zip(("cid", "dan"), pairs):
            self.assert_answer(self.world.api("GET", path, headers={"Keyfob-User": user}), 200)
            sent = self.sim.requests(path)[0]["headers"]["authorization"]
            self.assertEqual(sent, "Bearer " + digest(pair["access_token"]))
            token = self.world.api("GET", f"/v1/token?vehicle={shared}&user={user}").json
            self.assertEqual(token["access_token"], pair["access_token"])

    def test_a_revoked_grant_is_424(self):
        self.assertEqual(self.world.api("DELETE", f"/v1/grants/{self.pair['grant']}").status, 204)
        answer = self.assert_answer(self.world.api("GET", self.path), 424, "revoked")
        self.assertEqual(answer.json["vehicles"], [self.vehicle])


class Limits(harness.Case):
    """What a caller may do is what it was given."""

    def setUp(self):
        super().setUp()
        self.ann = self.world.import_grant("ann")
        self.bob = self.world.import_grant("bob")

    def get(self, key, pair, rest="", method="GET", headers=None):
        return self.world.api(method, f"/v2.0/vehicles/{pair['vehicle']}{rest}", key=key, headers=headers)

    def test_a_caller_kept_to_users(self):
        key = self.world.add_caller("ann-only", "gateway,token:read,grant:read", "--user", "ann")
        self.assert_answer(self.get(key, self.ann), 200)
        self.assert_answer(self.get(key, self.bob), 403, "forbidden")
        self.assert_answer(self.get(key, self.bob, headers={"Keyfob-User": "bob"}), 403, "forbidden")
        self.assert_answer(self.world.api("GET", "/v2.0/user", key=key, headers={"Keyfob-User": "bob"}), 403, "forbidden")
        self.assertEqual(self.token_of("user=ann", key), self.ann["access_token"])
        for query in ("user=bob", f"vehicle={self.bob['vehicle']}"):
            self.assert_answer(self.world.api("GET", f"/v1/token?{query}", key=key), 403, "forbidden")
        listed = self.world.api("GET", "/v1/grants", key=key).json["grants"]
        self.assertEqual([g["user"] for g in listed], ["ann"])

    def test_a_caller_kept_to_routes(self):
        key = self.world.add_caller("odometer", "gateway", "--route", "GET /v2.0/vehicles/*/odometer")
        self.assert_answer(self.get(key, self.ann, "/odometer"), 200)
        self.assert_answer(self.get(key, self.ann, "/location"), 403, "forbidden")
        self.assert_answer(self.get(key, self.ann), 403, "forbidden")
        self.assert_answer(self.get(key, self.ann, "/odometer", method="POST"), 403, "forbidden")

    def test_a_caller_of_another_application(self):
        self.world.add_app("other")
        key = self.world.add_caller("stranger", "gateway,token:read,grant:read,grant:write,grant:revoke", app="other")
        self.assert_answer(self.get(key, self.ann), 404, "unknown_grant")
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann", key=key), 404, "unknown_grant")
        self.assert_answer(self.world.api("GET", f"/v1/grants/{self.ann['grant']}", key=key), 404, "unknown_grant")
        self.assertEqual(self.world.api("GET", "/v1/grants", key=key).json["grants"], [])
        self.assertIn(self.world.api("GET", "/v1/token?user=ann&app=fleet", key=key).status, (403, 404))

    def test_a_caller_without_the_permission(self):
        key = self.world.add_caller("reader", "token:read")
        self.assert_answer(self.get(key, self.ann), 403, "forbidden")
        self.assertEqual(self.token_of("user=ann", key), self.ann["access_token"])
        key = self.world.add_caller("driver", "gateway")
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann", key=key), 403, "forbidden")
        self.assert_answer(self.get(key, self.ann, "/application", method="DELETE"), 403, "forbidden")
        self.assertEqual(len(self.sim.requests()), 0)

    def test_management_calls_need_management_and_go_out_with_the_management_token(self):
        path = "/v2.0/management/connections"
        self.assert_answer(self.world.api("GET", path), 403, "forbidden")
        key = self.world.add_caller("manager", "gateway,management")
        answer = self.assert_answer(self.world.api("GET", path, key=key), 200)
        self.assertEqual(len(answer.json["connections"]), 2)
        sent = self.sim.requests(path)[0]["headers"]["authorization"]
        basic = harness.base64.b64encode(f"default:{harness.MANAGEMENT_TOKEN}".encode()).decode()
        self.assertEqual(sent, "Basic " + digest(basic))

    def test_a_disabled_and_an_expired_caller(self):
        key = self.world.add_caller("short", "gateway", "--expires", "1s")
        harness.eventually(lambda: self.get(key, self.ann).status == 401, "the key expires")
        key = self.world.add_caller("gone", "gateway")
        self.assert_answer(self.get(key, self.ann), 200)
        self.world.cli_ok("caller", "disable", "gone")
        harness.eventually(lambda: self.get(key, self.ann).status in (401, 403), "the caller is shut out", 5)

    def test_v3_carries_the_user_s_token_while_there_are_no_v3_credentials(self):
        path = f"/v3/vehicles/{self.ann['vehicle']}"
        self.assert_answer(self.world.api("GET", path), 200)
        sent = self.sim.requests(path)[0]["headers"]
        self.assertEqual(sent["authorization"], "Bearer " + digest(self.ann["access_token"]))
        self.assert_answer(self.world.api("GET", f"/v3.0/vehicles/{self.ann['vehicle']}"), 200)


if __name__ == "__main__":
    harness.main()
