"""A real nginx with auth_request, configured as docs/how-to/nginx.md says, between a client and the provider over TLS."""

import os
import re
import shutil
import subprocess
import unittest

from partners import ROOT, harness

PAGE = (ROOT / "docs" / "how-to" / "nginx.md").read_text()
SERVER, HEADERS, OWN_USERS = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")


def replaced(text, *pairs):
    """The page's text with other addresses; each must be there."""
    for old, new in pairs:
        if old not in text:
            raise AssertionError(f"docs/how-to/nginx.md no longer has {old}")
        text = text.replace(old, new)
    return text


def make_certificate(directory, *names):
    """A self-signed certificate with its key in one file, which is its own root."""
    file = directory / "provider.pem"
    sans = ",".join(f"DNS:{name}" for name in names)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=provider", "-addext", f"subjectAltName={sans}", "-keyout", file, "-out", f"{file}.crt"],
                   check=True, capture_output=True)
    file.write_text(file.read_text() + (directory / "provider.pem.crt").read_text())
    return file


class Nginx(harness.Program):
    """`page` in an nginx that also plays the provider's TLS: `provider` is (port, certificate file, origin behind it)."""

    def __init__(self, directory, page, port, provider, **files):
        directory.mkdir()
        page += ("server {{ listen 127.0.0.1:{0} ssl; ssl_certificate {1}; ssl_certificate_key {1}; location / {{ proxy_pass {2};"
                 " proxy_http_version 1.1; proxy_set_header Connection ''; }} }}").format(*provider)
        for name, text in files.items():
            (directory / f"{name}.conf").write_text(text)
        (directory / "nginx.conf").write_text(
            f"daemon off;\nmaster_process off;\npid {directory}/pid;\nerror_log stderr notice;\nevents {{}}\n"
            f"http {{\naccess_log off;\nproxy_temp_path {directory}/t1;\nclient_body_temp_path {directory}/t2;\n"
            f"fastcgi_temp_path {directory}/t3;\nuwsgi_temp_path {directory}/t4;\nscgi_temp_path {directory}/t5;\n{page}\n}}\n")
        checked = subprocess.run([NGINX, "-t", "-p", directory, "-c", "nginx.conf"], capture_output=True, text=True, check=False)
        if checked.returncode != 0:
            raise AssertionError(checked.stderr)
        super().__init__([NGINX, "-p", directory, "-c", "nginx.conf"], directory / "log", r"(start worker|using the)")
        self.origin = f"http://127.0.0.1:{port}"
        harness.eventually(self.answers, "nginx listens")

    def answers(self):
        try:
            return harness.exchange(self.origin, "GET", "/").status
        except OSError:
            return None


class Beside(harness.Case):
    """The page's configuration; a subclass may put its own last location into it."""

    config = {("refresh", "min_interval"): '"1s"'}

    def setUp(self):
        super().setUp()
        self.ann, self.bob = map(self.connected, ("ann", "bob"))
        self.key = self.world.add_caller("edge", "gateway,token:read")
        self.world.cli_ok("app", "set", "fleet", "--v3-client-id", "client_v3", "--v3-client-secret", "-", secret="v3-secret")
        self.sim.post("clients", client_id=harness.CLIENT_ID, client_secret=harness.CLIENT_SECRET, v3_client_id="client_v3",
                      v3_client_secret="v3-secret", management_token=harness.MANAGEMENT_TOKEN)
        certificate = make_certificate(self.world.root, "api.smartcar.com", "vehicle.api.smartcar.com")
        port, tls = harness.free_port(), harness.free_port()
        page = replaced(self.page(), ("127.0.0.1:7420", self.world.daemon.origin.removeprefix("http://")),
                        ("127.0.0.1:8080", f"127.0.0.1:{port}"),
                        ("server api.smartcar.com:443", f"server 127.0.0.1:{tls}"),
                        ("server vehicle.api.smartcar.com:443", f"server 127.0.0.1:{tls}"),
                        ("/etc/ssl/certs/ca-certificates.crt", str(certificate)))
        self.nginx = Nginx(self.world.root / "nginx", page, port, (tls, certificate, self.sim.origin),
                           keyfob_headers=HEADERS, **self.files())
        self.addCleanup(self.nginx.kill)

    def connected(self, user):
        pair = self.sim.issue(client_id=harness.CLIENT_ID)
        return self.world.import_grant(user, pair=pair, provider_user=pair["user_id"])

    def page(self):
        return SERVER

    def files(self):
        return {}

    def ask(self, path, method="GET", body=None, key=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers.setdefault("Authorization", f"Bearer {key or self.key}")
        return harness.exchange(self.nginx.origin, method, path, body, headers)

    def of(self, pair, rest="/odometer"):
        return f"/v2.0/vehicles/{pair['vehicle']}{rest}"


@unittest.skipUnless(NGINX, "nginx is missing: make deps")
class WithKeys(Beside):
    def test_the_token_is_put_in_and_the_key_stays_here(self):
        answer = self.ask(self.of(self.ann) + "?x=%20y")
        self.assertEqual((answer.status, set(answer.json)), (200, {"distance"}), answer)
        self.assertEqual(answer.headers["keyfob-grant"], self.ann["grant"])
        seen = self.sim.requests(self.of(self.ann))[0]
        self.assertEqual((seen["query"], seen["user"]), ("x=%20y", self.ann["user_id"]))
        self.assertNotIn(self.key, str(self.sim.requests()))
        self.assertFalse([name for name in seen["headers"] if name.startswith("keyfob")])

    def test_a_command_with_a_body(self):
        answer = self.ask(self.of(self.ann, "/charge/limit"), "POST", {"limit": 0.7})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.ask(self.of(self.ann, "/charge/limit")).json, {"limit": 0.7})

    def test_an_expired_token_is_refreshed_before_the_call(self):
        pair = self.world.import_grant("dan", expires_in=1)
        rotations = self.sim.rotations()
        answers = harness.together(8, lambda i: self.ask(self.of(pair)))
        self.assertEqual([a.status for a in answers], [200] * 8)
        self.assertEqual(self.sim.rotations() - rotations, 1)

    def test_v3_carries_the_application_s_token_and_its_own_user_header(self):
        answer = self.ask(f"/v3/vehicles/{self.ann['vehicle']}/signals", sc_user_id=self.bob["user_id"])
        self.assertEqual(answer.status, 200, answer)
        seen = self.sim.requests(f"/v3/vehicles/{self.ann['vehicle']}/signals")[0]
        self.assertEqual(seen["headers"]["sc-user-id"], self.ann["user_id"])

    def test_refusals_reach_the_client_with_their_code(self):
        plain = self.world.add_caller("no-tokens", "gateway")
        bobs = self.world.add_caller("bobs", "gateway,token:read", "--user", "bob")
        readings = self.world.add_caller("readings", "gateway,token:read", "--route", "GET /v2.0/vehicles/*/odometer")
        self.world.api("POST", f"/v1/grants/{self.bob['grant']}/refresh")
        for what, status, code in (
                (self.ask(self.of(self.ann), key="kf_wrong"), 401, "unauthenticated"),
                (self.ask(self.of(self.ann), key=plain), 403, "forbidden"),
                (self.ask(self.of(self.ann), key=bobs), 403, "forbidden"),
                (self.ask(self.of(self.ann, "/location"), key=readings), 403, "forbidden"),
                (self.ask(self.of(self.ann), "POST", {}, key=readings), 403, "forbidden"),
                (self.ask(self.of(self.ann), Keyfob_User="bob"), 403, "forbidden"),
                (self.ask("/v2.0/management/connections"), 403, "forbidden"),
                (self.ask("/v2.0/user"), 403, "user_required"),
                (self.ask("/v2.0/vehicles/00000000-0000-4000-8000-000000000000/vin"), 403, "unknown_grant"),
                (self.ask(self.of(self.ann, "/..%2f..%2fuser")), 403, "bad_request")):
            with self.subTest(code=code, status=status):
                self.assertEqual((what.status, what.headers.get("keyfob-error")), (status, code), what)
        self.assertEqual(self.ask(self.of(self.bob), key=bobs).status, 200)
        self.assertEqual([r["path"] for r in self.sim.requests() if r["status"] == 401], [])

    def test_a_forged_question_changes_nothing(self):
        answer = self.ask(self.of(self.ann), X_Original_URI=self.of(self.bob), X_Original_Method="DELETE")
        self.assertEqual((answer.status, answer.headers["keyfob-grant"]), (200, self.ann["grant"]))
        self.assertEqual(self.ask("/_keyfob").status, 404)

    def test_the_revoked_and_the_provider_s_errors(self):
        self.sim.post("vehicle", id=self.ann["vehicle"], error_type="VEHICLE_STATE", error_code="ASLEEP")
        asleep = self.ask(self.of(self.ann))
        self.assertEqual((asleep.status, asleep.json["code"], asleep.code), (409, "ASLEEP", None))
        self.world.api("DELETE", f"/v1/grants/{self.ann['grant']}")
        self.assertEqual((self.ask(self.of(self.ann)).status, self.ask(self.of(self.ann)).code), (403, "revoked"))

    def test_with_keyfob_down_nothing_passes(self):
        before = len(self.sim.requests())
        self.world.daemon.stop()
        self.assertEqual(self.ask(self.of(self.ann)).status, 500)
        self.assertEqual(len(self.sim.requests()), before)


@unittest.skipUnless(NGINX, "nginx is missing: make deps")
class WithUsersOfItsOwn(Beside):
    def page(self):
        """The page's second last location for its first, and basic authentication for the server."""
        first = re.search(r"    location = /_keyfob \{.*?\n    \}\n", SERVER, re.DOTALL)[0]
        return replaced(SERVER, (first, OWN_USERS), ("    auth_request /_keyfob;", '    auth_basic "cars";\n'
                        f"    auth_basic_user_file {self.world.root}/users;\n    auth_request /_keyfob;"))

    def files(self):
        (self.world.root / "users").write_text("ann:{PLAIN}ann-password\nbob:{PLAIN}bob-password\n")
        return {"keyfob_key": f'proxy_set_header Authorization "Bearer {self.key}";\n'}

    def test_each_user_reaches_its_own_vehicles(self):
        for user, own, other in (("ann", self.ann, self.bob), ("bob", self.bob, self.ann)):
            basic = "Basic " + harness.base64.b64encode(f"{user}:{user}-password".encode()).decode()
            self.assertEqual(self.ask(self.of(own), Authorization=basic).status, 200)
            refused = self.ask(self.of(other), Authorization=basic)
            self.assertEqual((refused.status, refused.headers["keyfob-error"]), (403, "forbidden"))
            forged = self.ask(self.of(other), Authorization=basic, Keyfob_User="ann" if user == "bob" else "bob")
            self.assertEqual(forged.status, 403)
            self.assertEqual(self.ask("/v2.0/user", Authorization=basic).json["id"], own["user_id"])
        self.assertEqual(self.ask(self.of(self.ann), Authorization="Basic eDp5").status, 401)


if __name__ == "__main__":
    harness.main()
