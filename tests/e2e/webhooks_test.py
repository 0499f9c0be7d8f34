"""Webhooks in: who may speak, what an attacker gets signed (nothing), what becomes of each, and that all are passed on."""

import hashlib
import hmac
import json
import threading

import harness
from harness import APP, CLIENT_ID, MANAGEMENT_TOKEN, eventually, exchange
from receiver import Receiver

KEY = "planted-webhook-secret-7a2c4e6f"


def sign(key, body):
    return hmac.new(key.encode(), body.encode(), hashlib.sha256).hexdigest()


class Hooked(harness.Case):
    start = False

    def setUp(self):
        super().setUp()
        self.receiver = Receiver()
        self.addCleanup(lambda: self.receiver.close())
        self.world.start()
        self.pass_on()
        self.path = f"/webhooks/{APP}"

    def pass_on(self):
        self.world.cli_ok("app", "set", APP, "--webhook-url", self.receiver.url, "--webhook-secret", "-", secret=KEY)

    def post(self, body, signature=None, key=None, path=None):
        body = body if isinstance(body, str) else json.dumps(body)
        signature = sign(key, body) if key else signature
        headers = {"Content-Type": "application/json"} | ({"SC-Signature": signature} if signature else {})
        return self.world.anonymous("POST", path or self.path, body.encode(), headers)

    def passed_on(self, count=1):
        """Whoever died while it was sending has the row for 20 s; then come the tries, at growing distances."""
        eventually(lambda: len(self.receiver.deliveries) >= count, f"{count} are passed on", 150)
        return self.receiver.deliveries

    def event(self, event_id="e-1", **data):
        return {"eventId": event_id, "eventType": "VEHICLE_STATE", "data": data, "meta": {"version": "4.0"}}


class Verification(Hooked):
    def verify(self, challenge):
        return {"eventId": "v", "eventType": "VERIFY", "data": {"challenge": challenge}, "meta": {"version": "4.0"}}

    def test_both_forms_are_answered_with_the_hmac_of_the_challenge(self):
        for body in (self.verify("challenge"), {"version": "2.0", "eventName": "verify", "payload": {"challenge": "challenge"}}):
            answer = self.assert_answer(self.post(body), 200)
            self.assertEqual(answer.json, {"challenge": sign(MANAGEMENT_TOKEN, "challenge")})
        self.assert_answer(self.post(self.verify("a" * 256)), 200)
        self.assert_answer(self.post(self.verify("A-Za-z0-9._~+/=:-")), 200)
        self.assert_answer(self.post(self.verify("signed"), key=MANAGEMENT_TOKEN), 200)

    def test_an_attacker_gets_no_event_signed(self):
        event = json.dumps(self.event("forged"), separators=(",", ":"))
        for challenge in (event, "{}", "[]", '"a"', "{", "a b", "a\n", "é", "a" * 257, "", None, 7, ["a"], {"a": 1}):
            with self.subTest(challenge):
                answer = self.assert_answer(self.post(self.verify(challenge)), 400, "bad_request")
                self.assertNotIn(sign(MANAGEMENT_TOKEN, str(challenge)).encode(), answer.body)
        self.assert_answer(self.post(event, signature=sign(MANAGEMENT_TOKEN, "{}")), 401, "unauthenticated")
        self.assert_answer(self.post(self.verify("a"), signature="0" * 64), 401, "unauthenticated")
        # What he does get signed is no webhook.
        challenge = "1234567890"
        signature = self.post(self.verify(challenge)).json["challenge"]
        self.assert_answer(self.post(challenge, signature=signature), 400, "bad_request")
        self.assertEqual(self.receiver.deliveries, [])


class Taking(Hooked):
    def test_every_version_is_passed_on_byte_for_byte_and_signed_with_our_key(self):
        bodies = [json.dumps(self.event("v4")), '{ "eventId":"v3", "eventType":"VEHICLE_STATE","data":{}, "meta":{"version":"3.0"} }',
                  '{"version":"2.0","webhookId":"w","eventName":"eventBased","mode":"live","payload":{"eventId":"v2","vehicleId":"x"}}',
                  '{"version":"2.0","webhookId":"w","eventName":"schedule","mode":"live","payload":{"vehicles":[]}}']
        for body in bodies:
            self.assert_answer(self.post(body, key=MANAGEMENT_TOKEN), 200)
        self.assertEqual({d.body.decode() for d in self.passed_on(len(bodies))}, set(bodies))
        for delivery in self.receiver.deliveries:
            self.assertTrue(delivery.signed_with(KEY, "sc-signature"))
            self.assertTrue(delivery.signed_with(KEY))
            self.assertFalse(delivery.signed_with(MANAGEMENT_TOKEN, "sc-signature"))

    def test_a_repeated_event_is_answered_and_not_passed_on_again(self):
        body = json.dumps(self.event("twice"))
        self.assert_answer(self.post(body, key=MANAGEMENT_TOKEN), 200)
        again = body.replace("4.0", "4.0 ")  # a retry has another deliveryId
        self.assert_answer(self.post(again, key=MANAGEMENT_TOKEN), 200)
        self.world.restart()
        self.assert_answer(self.post(again, key=MANAGEMENT_TOKEN), 200)
        self.assert_answer(self.post(self.event("other"), key=MANAGEMENT_TOKEN), 200)
        self.passed_on(2)
        self.assertEqual(sorted(d.json["eventId"] for d in self.receiver.deliveries), ["other", "twice"])

    def test_the_previous_management_token_still_counts(self):
        self.world.cli_ok("app", "set", APP, "--management-token", "-", secret="the-next-management-token")
        self.assert_answer(self.post(self.event("old"), key=MANAGEMENT_TOKEN), 200)
        self.assert_answer(self.post(self.event("new"), key="the-next-management-token"), 200)
        self.assert_answer(self.post(self.event("bad"), key="another"), 401, "unauthenticated")

    def test_what_is_no_webhook_is_refused(self):
        self.assert_answer(self.post("[]", key=MANAGEMENT_TOKEN), 400, "bad_request")
        self.assert_answer(self.post("not json", key=MANAGEMENT_TOKEN), 400, "bad_request")
        self.assert_answer(self.post(self.event()), 401, "unauthenticated")
        self.assert_answer(self.post(self.event(), key=MANAGEMENT_TOKEN, path="/webhooks/nobody"), 404, "unknown_app")
        large = json.dumps(self.event(x="y" * (256 * 1024)))
        self.assert_answer(self.post(large, key=MANAGEMENT_TOKEN), 413, "too_large")
        self.assertEqual(self.world.anonymous("GET", self.path).status, 405)

    def test_smartcar_is_answered_although_the_backend_is_down(self):
        port = self.receiver.port
        self.receiver.close()
        self.assert_answer(self.post(self.event("late"), key=MANAGEMENT_TOKEN), 200)
        self.world.daemon.kill()
        self.world.serve()
        self.receiver = Receiver(port)
        self.assertEqual(self.passed_on()[0].json["eventId"], "late")

    def test_what_a_daemon_died_sending_comes_again(self):
        reached, over = threading.Event(), threading.Event()
        self.addCleanup(over.set)
        self.receiver.refuse = lambda delivery: reached.set() or over.wait(120) or True
        self.assert_answer(self.post(self.event("cut off"), key=MANAGEMENT_TOKEN), 200)
        self.assertTrue(reached.wait(60), "it is being sent")
        self.world.daemon.kill()
        self.receiver.refuse = lambda delivery: False
        over.set()
        self.world.serve()
        self.assertEqual(self.passed_on()[0].json["eventId"], "cut off")

    def test_without_a_url_it_is_taken_and_goes_nowhere(self):
        self.world.cli_ok("app", "set", APP, "--webhook-url", "none")
        self.assert_answer(self.post(self.event("quiet"), key=MANAGEMENT_TOKEN), 200)
        self.assertEqual(self.world.cli_ok("status", json_out=True).json["outbox"], [])

    def test_a_url_needs_a_key_and_https(self):
        self.world.add_app("bare")
        done = self.world.cli("app", "set", "bare", "--webhook-url", "https://backend.example.com/hook")
        self.assertEqual((done.code, "webhook_secret" in done.err), (2, True), done)
        done = self.world.cli("app", "set", APP, "--webhook-url", "http://backend.example.com/hook")
        self.assertEqual((done.code, "https" in done.err), (2, True), done)


class FromTheSimulator(Hooked):
    """The simulator sends as Smartcar does: VERIFY, signature, retries."""

    def setUp(self):
        super().setUp()
        self.users = [self.sim.post("users", email=f"{name}@example.com", vehicles=1) for name in ("ann", "bob")]
        self.pairs = [self.sim.issue(client_id=CLIENT_ID, user=user["id"]) for user in self.users]
        self.grants = [self.world.import_grant(name, pair=pair, provider_user=user["id"])["grant"]
                       for name, pair, user in zip(("ann", "bob"), self.pairs, self.users, strict=True)]
        self.sim.post("webhooks", url=self.world.daemon.origin + self.path, client_id=CLIENT_ID, subscribes_all=True)
        verified = lambda: self.sim.get("webhooks")["webhooks"][0]["state"] == "verified"
        eventually(verified, "the webhook is verified", 60)

    def tell(self, state):
        self.sim.post("event", vehicle=self.users[0]["vehicles"][0]["id"], error_type="CONNECTED_SERVICES_ACCOUNT",
                      error_code="AUTHENTICATION_FAILED", state=state)

    def test_reauthenticate_marks_one_owners_grant_and_resolved_clears_it(self):
        other = self.world.grant(self.grants[1])
        self.tell("ERROR")
        marked = eventually(lambda: self.world.grant(self.grants[0])["attention"], "attention is set", 60)
        self.assertEqual(marked["reason"], "CONNECTED_SERVICES_ACCOUNT/AUTHENTICATION_FAILED")
        self.assertEqual(marked["vehicle"], self.users[0]["vehicles"][0]["id"])
        self.assertEqual(self.world.grant(self.grants[0])["status"], "active", "it blocks nothing")
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 200)
        self.assertEqual(self.world.grant(self.grants[1]), other)
        self.tell("RESOLVED")
        eventually(lambda: self.world.grant(self.grants[0])["attention"] is None, "attention is cleared", 60)
        eventually(lambda: len([d for d in self.receiver.deliveries if d.json["eventType"] == "VEHICLE_ERROR"]) == 2,
                   "both are passed on", 60)
        for delivery in self.receiver.deliveries:
            self.assertTrue(delivery.signed_with(KEY, "sc-signature"))

    def test_a_forged_one_is_refused(self):
        self.sim.post("event", forged=True, body={"eventType": "VEHICLE_STATE", "data": {}})
        refused = lambda: [d for d in self.sim.get("deliveries")["deliveries"] if d["status"] == 401]
        eventually(refused, "the forged one is refused", 60)
        self.assertEqual([d for d in self.receiver.deliveries if not d.json.get("data")], [])


class PublicSide(Hooked):
    def test_webhooks_are_served_outside(self):
        port = harness.free_port()
        self.world.configure("server", "public_listen", f'["127.0.0.1:{port}"]')
        self.world.configure("server", "public_url", '"https://keyfob.example.com"')
        self.world.restart()
        body = json.dumps({"eventName": "verify", "payload": {"challenge": "abc"}})
        answer = exchange(f"http://127.0.0.1:{port}", "POST", self.path, body.encode(), {"Content-Type": "application/json"})
        self.assertEqual((answer.status, answer.json), (200, {"challenge": sign(MANAGEMENT_TOKEN, "abc")}))


if __name__ == "__main__":
    harness.main()
