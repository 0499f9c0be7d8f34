"""Any provider: the whole life of a grant at a certified OAuth provider with strict rotation and reuse detection."""

import base64
import hashlib
import http.cookies
import os
import re
import urllib.parse

from partners import HERE, PACKAGES, ROOT, harness

PROFILE = """
[providers.{name}]
authorize_url = "{origin}/auth"
token_url = "{origin}/token"
revocation_url = "{origin}/token/revocation"
client_auth = "{auth}"
pkce = true
rotation = "required"
reuse_window = "0s"
refresh_ttl = "30d"
dead_grant = ["invalid_grant"]
authorize_params = {{ prompt = "consent" }}
user_url = "{origin}/me"
user_field = "sub"
vehicles_url = "{origin}/api/cars"
vehicles_field = "cars"

[[providers.{name}.routes]]
match = "/api/cars/{{vehicle}}/**"
origin = "{origin}"

[[providers.{name}.routes]]
match = "/api/cars"
origin = "{origin}"
needs_user = true
"""


class Provider(harness.Program):
    def __init__(self, test, port, callback):
        super().__init__(["node", "--no-warnings", HERE / "provider.mjs", str(port), callback], test.world.root / "provider.log",
                         r"provider listening on (http://\S+)", os.environ | {"KEYFOB_NODE_PACKAGES": str(PACKAGES)})
        test.addCleanup(self.kill)

    def counts(self):
        return harness.exchange(self.origin, "GET", "/_test/counts").json

    def count(self, what):
        return self.counts().get(what, 0)

    def advance(self, seconds):
        harness.exchange(self.origin, "GET", f"/_test/advance?seconds={seconds}")

    def consent(self, url, owner):
        """What the owner's browser brings back: the query of the callback. Follows redirects with its cookies, as a browser does."""
        jar = {"owner": owner}
        while url.startswith(self.origin):
            cookies = "; ".join(f"{name}={value}" for name, value in jar.items())
            parts = urllib.parse.urlsplit(url)
            connection = harness.http.client.HTTPConnection(parts.hostname, parts.port, timeout=harness.PATIENCE)
            connection.request("GET", f"{parts.path}?{parts.query}", headers={"Cookie": cookies})
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            if answer.status not in (302, 303):
                raise AssertionError(f"{url}: {answer.status} {body}\n{self.text()}")
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    for morsel in http.cookies.SimpleCookie(value).values():
                        jar[morsel.key] = morsel.coded_value
            url = urllib.parse.urljoin(url, answer.getheader("location"))
        return urllib.parse.urlsplit(url).query

    def token(self, client, **form):
        basic = base64.b64encode(f"{client}:{urllib.parse.quote_plus(f'secret of {client}')}".encode()).decode()
        return harness.exchange(self.origin, "POST", "/token", urllib.parse.urlencode(form).encode(), {
            "Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"})


class Life(harness.Case):
    start = False
    config = {("refresh", "min_interval"): '"0s"'}
    auth, client = "basic", "by-basic"

    def setUp(self):
        super().setUp()
        listen, port = harness.free_port(), harness.free_port()
        self.world.configure("server", "listen", f'["127.0.0.1:{listen}"]')
        callback = f"http://127.0.0.1:{listen}/connect/callback"
        self.provider = Provider(self, port, callback)
        with self.world.config_file.open("a") as config:
            config.write(PROFILE.format(name="acme", origin=self.provider.origin, auth=self.auth))
        self.world.serve()
        self.world.cli_ok("app", "add", "cars", "--provider", "acme", "--client-id", self.client, "--client-secret", "-",
                          "--redirect-uri", callback, "--scope", "openid", "--scope", "offline_access", "--scope", "cars",
                          secret=f"secret of {self.client}")
        self.world.api_key = self.world.add_caller("backend", "gateway,token:read,grant:read,grant:write,grant:revoke", app="cars")

    def connect(self, user):
        consent = self.world.api("POST", "/v1/connect", {"user": user})
        self.assertEqual(consent.status, 201, consent)
        query = self.provider.consent(consent.json["url"], f"owner_of_{user}")
        back = self.world.anonymous("GET", f"/connect/callback?{query}")
        self.assertEqual(back.status, 200, (back, self.world.daemon.text()))
        return self.world.api("GET", f"/v1/grants?user={user}").json["grants"][0]

    def drive(self, user="ann", car=1, method="GET"):
        return self.world.api(method, f"/api/cars/owner_of_{user}-car-{car}/odometer", {} if method == "POST" else None)

    def test_consent_ties_owner_and_cars_to_the_grant(self):
        grant = self.connect("ann")
        self.assertEqual((grant["provider_user"], sorted(grant["vehicles"]), grant["status"]),
                         ("owner_of_ann", ["owner_of_ann-car-1", "owner_of_ann-car-2"], "active"))
        self.assertEqual(set(grant["scope"].split()), {"openid", "offline_access", "cars"})
        self.assertEqual((self.provider.count("pkce"), self.provider.count("success authorization_code")), (1, 1))
        for car in (1, 2):
            self.assertEqual(self.drive(car=car).json["car"], f"owner_of_ann-car-{car}")
        cars = self.world.api("GET", "/api/cars", headers={"Keyfob-User": "ann"})
        self.assertEqual(cars.json["paging"]["count"], 2)

    def test_an_expired_token_is_refreshed_and_the_call_replayed(self):
        grant = self.connect("ann")
        before = self.token_of("user=ann")
        self.provider.advance(3601)
        answer = self.drive(method="POST")
        self.assertEqual((answer.status, answer.json["method"], answer.headers["keyfob-refreshed"]), (200, "POST", "1"))
        self.assertNotEqual(self.token_of("user=ann"), before)
        after = self.world.grant(grant["id"])
        self.assertEqual((after["generation"], after["status"]), (grant["generation"] + 1, "active"))

    def test_many_rotations_never_use_a_token_twice(self):
        grant = self.connect("ann")
        for _ in range(5):
            self.provider.advance(3601)
            answers = harness.together(20, lambda i: self.drive(car=1 + i % 2))
            self.assertEqual([a.status for a in answers], [200] * 20)
        for _ in range(5):
            self.assertEqual(self.world.api("POST", f"/v1/grants/{grant['id']}/refresh").status, 200)
        counts = self.provider.counts()
        self.assertEqual(counts["success refresh_token"], 10)
        self.assertEqual([c for c in counts if c.startswith("error") or c == "family revoked"], [])

    def test_a_token_that_somebody_else_used_ends_the_grant_and_consent_mends_it(self):
        grant = self.connect("ann")
        self.connect("bob")
        stolen = self.stored_refresh_token("ann")
        thief = self.provider.token(self.client, grant_type="refresh_token", refresh_token=stolen)
        self.assertEqual(thief.status, 200)
        self.provider.advance(3601)
        self.assertEqual(self.drive().code, "refresh_refused")  # one refusal is not believed
        self.assertEqual(self.drive("bob").status, 200)  # others are not touched, and show that the provider is well
        harness.eventually(lambda: self.drive().status == 424, "the refusal is confirmed", 90)
        self.assertEqual(self.drive().code, "needs_reauth")
        self.assertEqual(self.provider.count("family revoked"), 1)
        again = self.connect("ann")
        self.assertEqual((again["status"], self.drive().status), ("active", 200))
        self.assertGreater(again["epoch"], grant["epoch"])

    def stored_refresh_token(self, user):
        """Somebody stole it: a pair of its own is imported in its place, so that the test knows it."""
        consent = self.world.api("POST", "/v1/connect", {"user": "thief"}).json["url"]
        verifier = "v" * 43
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        url = re.sub(r"code_challenge=[^&]+", f"code_challenge={challenge}", consent)
        query = dict(urllib.parse.parse_qsl(self.provider.consent(url, f"owner_of_{user}")))
        redirect = urllib.parse.parse_qs(urllib.parse.urlsplit(consent).query)["redirect_uri"][0]
        pair = self.provider.token(self.client, grant_type="authorization_code", code=query["code"], redirect_uri=redirect,
                                   code_verifier=verifier).json
        answer = self.world.api("POST", "/v1/grants", {
            "user": user, "vehicles": [f"owner_of_{user}-car-1", f"owner_of_{user}-car-2"], "access_token": pair["access_token"],
            "refresh_token": pair["refresh_token"], "expires_in": pair["expires_in"]})
        self.assertEqual(answer.status, 201, answer)
        return pair["refresh_token"]

    def test_revoking_ends_it_at_the_provider_too(self):
        grant = self.connect("ann")
        token = self.token_of("user=ann")
        self.assertEqual(self.world.api("DELETE", f"/v1/grants/{grant['id']}").status, 204)
        self.assertEqual(self.drive().code, "revoked")
        dead = harness.exchange(self.provider.origin, "GET", "/api/cars", headers={"Authorization": f"Bearer {token}"})
        self.assertEqual(dead.status, 401)
        self.assertEqual(self.provider.count("family revoked"), 1)

    def test_a_wrong_client_secret_touches_no_grant(self):
        self.connect("ann")
        self.world.cli_ok("app", "set", "cars", "--client-secret", "-", secret="wrong")
        self.world.restart()
        self.assertEqual(self.drive().status, 200)
        self.world.cli_ok("app", "set", "cars", "--client-secret", "-", secret="wrong too")
        self.provider.advance(3601)
        refused = self.drive()
        self.assertEqual((refused.status, refused.code), (503, "application_suspended"))
        self.world.cli_ok("app", "set", "cars", "--client-secret", "-", secret=f"secret of {self.client}")
        harness.eventually(lambda: self.drive().status == 200, "everything is back", 20)

    def test_a_crash_loses_nothing_that_was_answered(self):
        grant = self.connect("ann")
        for _ in range(3):
            self.assertEqual(self.world.api("POST", f"/v1/grants/{grant['id']}/refresh").status, 200)
            self.world.daemon.kill()
            self.world.serve()
        self.assertEqual(self.drive().status, 200)
        self.assertEqual(self.provider.count("family revoked"), 0)


class LifeWithTheSecretInTheBody(Life):
    auth, client = "body", "by-post"

    # Only what the way of client authentication can change.
    test_a_crash_loses_nothing_that_was_answered = None
    test_a_token_that_somebody_else_used_ends_the_grant_and_consent_mends_it = None


class OwnProfiles(harness.Case):
    start = False

    def test_the_profile_of_this_test_passes_the_check(self):
        file = self.world.root / "acme.toml"
        file.write_text(PROFILE.format(name="acme", origin="https://acme.example", auth="basic"))
        done = self.world.cli_ok("provider", "check", file, json_out=True)
        self.assertEqual(done.json["providers"][0]["revocation_url"], "https://acme.example/token/revocation")


    def test_the_example_profiles_pass_and_say_that_they_are_untested(self):
        files = sorted((ROOT / "examples" / "providers").glob("*.toml"))
        self.assertEqual(len(files), 5)
        page = (ROOT / "docs" / "how-to" / "providers.md").read_text()
        for file in files:
            with self.subTest(file.name):
                done = self.world.cli_ok("provider", "check", file, json_out=True)
                self.assertEqual([p["name"] for p in done.json["providers"]], [file.stem])
                self.assertIn("NOT TESTED against the provider", file.read_text())
                self.assertIn(file.stem.split("-")[0], page.lower())

    def test_the_check_notes_what_a_profile_leaves_open(self):
        file = self.world.root / "bare.toml"
        file.write_text('[providers.bare]\ntoken_url = "https://bare.example/token"\nrefresh_ttl = "5d"\n')
        notes = " ".join(self.world.cli_ok("provider", "check", file, json_out=True).json["providers"][0]["notes"])
        for word in ("strict", "authorize_url", "user_url", "revocation_url", "routes", "dead_grant", "keep_alive"):
            self.assertIn(word, notes)
        self.assertIn("bare: no routes", self.world.cli_ok("provider", "check", file).out)


if __name__ == "__main__":
    harness.main()
