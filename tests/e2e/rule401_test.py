"""What an answer of the API means for the token: 401 and nothing else, by the status alone, once."""

import gzip
import threading
import time

import harness
import own_api
from harness import together
from own_api import reply

MIB = 1 << 20
COMPRESSED = gzip.compress(b'{"type":"AUTHENTICATION","statusCode":401}')


class InFlight(own_api.Case):
    """The token dies while calls are on their way."""

    calls = 200
    vehicles = ("car-1", "car-2")

    def setUp(self):
        self.gate = threading.Barrier(self.calls)
        super().setUp()
        self.stale = {self.pair["access_token"]}

    def answer(self, request):
        if request.token in self.stale:
            self.gate.wait(harness.PATIENCE)  # nobody hears of it before all are under way
            return reply(401, COMPRESSED, "Content-Encoding: gzip")
        return reply(200, request.body)

    def test_two_hundred_calls_cause_one_refresh_and_each_is_replayed_once(self):
        def one(i):
            return self.call("POST", f"/acme/car-{i % 2 + 1}/{i}", f"body {i}".encode())
        answers = together(self.calls, one)
        self.assertEqual([a.status for a in answers], [200] * self.calls, answers)
        # Who finds that somebody was faster is sent again with the new token, and has caused no refresh.
        self.assertIn("1", {a.headers.get("keyfob-refreshed") for a in answers})
        for i, answer in enumerate(answers):
            self.assertEqual(answer.body, f"body {i}".encode())
            mine = [r for r in self.requests if r.path.endswith(f"/{i}")]
            self.assertEqual([(r.token in self.stale, r.body) for r in mine],
                             [(True, answer.body), (False, answer.body)])
        self.assertEqual(len(self.requests), 2 * self.calls)
        refresh = self.sim.stats()["refresh"]
        self.assertEqual((refresh["requests"], refresh["rotations"], refresh["second_uses"]), (1, 1, 0))
        self.assertEqual(len({r.token for r in self.requests}), 2)


class TwoOwners(InFlight):
    """The same with two owners at once: nothing crosses."""

    vehicles = ("car-1",)

    def setUp(self):
        super().setUp()
        self.other = self.import_owner("bob", ["car-2"])
        self.stale.add(self.other["access_token"])

    def test_two_hundred_calls_cause_one_refresh_and_each_is_replayed_once(self):
        answers = together(self.calls, lambda i: self.call(path=f"/acme/car-{i % 2 + 1}/{i}"))
        self.assertEqual([a.status for a in answers], [200] * self.calls)
        self.assertEqual(self.sim.stats()["refresh"]["requests"], 2)
        owners = {"car-1": self.pair["user_id"], "car-2": self.other["user_id"]}
        sent = {(r.path.split("/")[2], r.token) for r in self.requests}
        self.assertEqual(len(sent), 4)
        for vehicle, token in sent:
            self.assertEqual(self.sim.inspect(token)["user"], owners[vehicle])


class Refused(own_api.Case):
    """Every token is refused, or those that `stale` names."""

    stale = None  # all

    def answer(self, request):
        if self.stale is None or request.token in self.stale:
            return reply(401, COMPRESSED, "Content-Encoding: gzip", "SC-Request-Id: r1")
        return reply(200, str(len(request.body)).encode())

    def test_a_second_401_passes_through_as_it_came(self):
        answer = self.call()
        self.assertEqual((answer.status, answer.body, answer.code), (401, COMPRESSED, None))
        self.assertEqual((answer.headers["content-encoding"], answer.headers["sc-request-id"]), ("gzip", "r1"))
        self.assertEqual(answer.headers["keyfob-refreshed"], "1")
        self.assertEqual(len(self.requests), 2)
        self.assertEqual(self.sim.rotations(), 1)

    def test_bodies_up_to_max_body_are_replayed_and_larger_ones_say_that_they_were_not(self):
        for size, replayed in ((MIB, True), (MIB + 1, False)):
            for chunked in (False, True):
                with self.subTest(size=size, chunked=chunked):
                    self.check_a_body(size, chunked, replayed)

    def check_a_body(self, size, chunked, replayed):
        self.stale = {self.token_of("user=ann")}
        self.requests.clear()
        before = self.sim.rotations()
        answer = self.send_chunked(size) if chunked else self.call("POST", body=b"x" * size)
        self.assertEqual(answer.status, 200 if replayed else 401)
        self.assertEqual("keyfob-not-replayed" in answer.headers, not replayed)
        self.assertEqual([len(r.body) for r in self.requests], [size] * (2 if replayed else 1))
        harness.eventually(lambda: self.sim.rotations() == before + 1, "the refresh, also for the next call")
        self.stale = {self.pair["access_token"]}
        self.assertEqual(harness.eventually(lambda: self.call(), "an answer").status, 200)
        self.reset_age()

    def send_chunked(self, size):
        connection = harness.http.client.HTTPConnection(*self.address(), timeout=harness.PATIENCE)
        pieces = (b"x" * min(65536, size - at) for at in range(0, size, 65536))
        connection.request("POST", "/acme/car-1/x", pieces, {"Authorization": f"Bearer {self.world.api_key}"},
                           encode_chunked=True)
        response = connection.getresponse()
        answer = harness.Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        connection.close()
        return answer

    def address(self):
        parts = harness.urllib.parse.urlsplit(self.world.daemon.origin)
        return parts.hostname, parts.port

    def reset_age(self):
        """An import's pair has no age: min_interval does not hold it back."""
        fresh = self.sim.issue(user=self.pair["user_id"], client_id=harness.CLIENT_ID) | {"vehicles": ["car-1"]}
        self.world.import_grant("ann", pair=fresh)


class Once(own_api.Case):
    """Nothing but a 401 is ever sent a second time, whatever the method."""

    def answer(self, request):
        return reply(int(request.path.rsplit("/", 1)[1]), b"no", "Retry-After: 1")

    def test_other_answers_are_not_retried(self):
        for status in (400, 403, 404, 409, 425, 429, 430, 500, 501, 502, 503, 504, 511, 301, 307):
            for method in ("GET", "POST", "PUT", "DELETE"):
                self.requests.clear()
                answer = self.call(method, f"/acme/car-1/{status}")
                self.assertEqual((answer.status, answer.body, answer.code), (status, b"no", None))
                self.assertEqual(len(self.requests), 1, (method, status))
        self.assertEqual(self.sim.rotations(), 0)


class Stubborn(own_api.Case):
    """One vehicle is refused whatever its token; its neighbour on the same grant is fine."""

    config = {("refresh", "min_interval"): '"200ms"'}
    vehicles = ("car-1", "car-2")

    def answer(self, request):
        return reply(401 if "/car-2/" in request.path else 200)

    def test_it_waits_longer_and_longer_instead_of_rotating_the_grant_for_ever(self):
        end, calls = time.monotonic() + 5, 0
        while time.monotonic() < end:
            self.assertEqual(self.call(path="/acme/car-2/x").status, 401)
            self.assertEqual(self.call(path="/acme/car-1/x").status, 200)
            calls += 1
        self.assertGreater(calls, 50)
        # 0, 0.4, 1.2, 2.8 seconds; one every 0.2 seconds without.
        self.assertIn(self.sim.rotations(), range(2, 6))


class Throttled(own_api.Case):
    """Asked for, a vehicle's 429 is remembered; without asking, `Once` has shown, it is not."""

    config = {("upstream", "remember_retry_after"): "true"}
    vehicles = ("car-1", "car-2")

    def answer(self, request):
        last = request.path.rsplit("/", 1)[1]
        return reply(429, b"slow down", "Retry-After: 2") if last == "429" else reply(200, last.encode())

    def test_a_vehicle_is_left_alone_until_its_retry_after_has_passed(self):
        first = self.call(path="/acme/car-1/429")
        self.assertEqual((first.status, first.body, first.code), (429, b"slow down", None))
        for method in ("GET", "POST"):
            answer = self.assert_answer(self.call(method, "/acme/car-1/x"), 429, "vehicle_throttled")
            self.assertIn(int(answer.headers["retry-after"]), (1, 2))
        self.assertEqual(self.call(path="/acme/car-2/x").status, 200)
        stranger = self.world.add_caller("bobs", "gateway", "--user", "bob", app="acme")
        self.assert_answer(self.call(path="/acme/car-1/x", key=stranger), 403, "forbidden")
        self.assertEqual(len(self.requests), 2)
        harness.eventually(lambda: self.call(path="/acme/car-1/x").status == 200, "the end of the pause")
        self.assertEqual(len(self.requests), 3)


class Attention(harness.Case):
    """An answer that asks for the owner is shown, and blocks nothing."""

    def setUp(self):
        super().setUp()
        self.pair = self.world.import_grant("ann")
        self.path = f"/v2.0/vehicles/{self.pair['vehicle']}"

    def attention(self):
        return self.world.grant(self.pair["grant"])["attention"]

    def strike(self, error_type, error_code=None):
        self.sim.post("vehicle", id=self.pair["vehicle"], error_type=error_type, error_code=error_code)
        return self.world.api("GET", self.path + "/odometer")

    def check_it_blocks_nothing(self):
        grant = self.world.grant(self.pair["grant"])
        self.assertEqual((grant["status"], grant["generation"]), ("active", 1))
        self.assertEqual(self.token_of("user=ann"), self.pair["access_token"])
        self.assertEqual(self.sim.rotations(), 0)

    def test_it_is_set_by_400_and_403_with_reauthenticate_and_cleared_by_a_new_consent(self):
        self.assertIsNone(self.attention())
        answer = self.strike("PERMISSION")
        self.assertEqual((answer.status, answer.json["resolution"]["type"], answer.code), (403, "REAUTHENTICATE", None))
        shown = harness.eventually(self.attention, "the grant's attention")
        self.assertEqual((shown["reason"], shown["vehicle"]), ("PERMISSION", self.pair["vehicle"]))
        self.check_it_blocks_nothing()
        answer = self.strike("CONNECTED_SERVICES_ACCOUNT", "AUTHENTICATION_FAILED")
        self.assertEqual(answer.status, 400)
        reason = "CONNECTED_SERVICES_ACCOUNT/AUTHENTICATION_FAILED"
        harness.eventually(lambda: self.attention()["reason"] == reason, "the newer reason")
        self.check_it_blocks_nothing()
        self.assertEqual(self.world.daemon.text().count("grant.attention"), 2)
        fresh = self.sim.issue(user=self.pair["user_id"], client_id=harness.CLIENT_ID, vehicles=self.pair["vehicles"])
        self.world.import_grant("ann", pair=fresh)
        self.assertIsNone(self.attention())

    def test_it_is_not_set_by_other_answers(self):
        for error in (("VEHICLE_STATE", "ASLEEP"), ("CONNECTED_SERVICES_ACCOUNT", "SUBSCRIPTION"),
                      ("COMPATIBILITY", "VEHICLE_NOT_CAPABLE"), ("BILLING", "VEHICLE_REQUEST_LIMIT")):
            self.assertGreaterEqual(self.strike(*error).status, 400)
        self.world.api("GET", self.path)
        self.assertIsNone(self.attention())


class CompressedAttention(own_api.Case):
    """A provider of one's own that names its own words, and compresses."""

    def setUp(self):
        super().setUp()
        text = self.world.config_file.read_text()
        self.world.config_file.write_text(text.replace(
            "[[providers.acme.routes]]", 'attention = [{ member = "error.hint", value = "ask-the-owner" }]\n'
            "[[providers.acme.routes]]"))
        self.world.restart()

    def answer(self, request):
        body = b'{"error":{"hint":"ask-the-owner"},"type":"GONE","padding":"%s"}' % (b"x" * 3000)
        return reply(int(request.path.rsplit("/", 1)[1]), gzip.compress(body), "Content-Encoding: gzip")

    def test_it_is_found_in_a_compressed_body(self):
        self.assertEqual(self.call(path="/acme/car-1/500").status, 500)
        answer = self.call(path="/acme/car-1/409")
        self.assertEqual((answer.status, gzip.decompress(answer.body)[:9]), (409, b'{"error":'))
        shown = harness.eventually(lambda: self.world.grant(self.pair["grant"])["attention"], "the grant's attention")
        self.assertEqual((shown["reason"], shown["vehicle"]), ("GONE", "car-1"))


if __name__ == "__main__":
    harness.main()
