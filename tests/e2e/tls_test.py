"""TLS on both sides: what Keyfob serves, and what it accepts of a provider."""

import http.server
import json
import shutil
import ssl
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request

import harness
from harness import eventually


def openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def make_certificates(directory):
    """ca.pem; good.pem and good.key for 127.0.0.1; other.pem and other.key for another host."""
    openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem")
    for name, san in (("good", "IP:127.0.0.1,DNS:localhost"), ("other", "DNS:other.example"), ("backend", "DNS:backend")):
        openssl(directory, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (directory / f"{name}.ext").write_text(f"subjectAltName={san}\n")
        openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")


class Provider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(self.path)
        body = {"access_token": "fresh-access", "refresh_token": "fresh-refresh", "expires_in": 7200, "token_type": "Bearer"}
        text = json.dumps(body if self.path == "/token" else {"path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer


class TlsCase(harness.Case):
    start = False

    def setUp(self):
        if shutil.which("openssl") is None:
            self.skipTest("there is no openssl command here")
        super().setUp()
        make_certificates(self.world.root)

    def file(self, name):
        return str(self.world.root / name)


class Listening(TlsCase):
    def test_it_serves_tls_and_nothing_else_on_that_port(self):
        self.world.configure("server", "tls", f'{{ certificate = "{self.file("good.pem")}", key = "{self.file("good.key")}" }}')
        self.daemon = harness.Program([harness.BIN / "keyfob", "--config", self.world.config_file, "serve"],
                                      self.world.root / "keyfob.log", r"keyfob listening on (https://\S+)")
        self.addCleanup(self.daemon.kill)
        context = ssl.create_default_context(cafile=self.file("ca.pem"))
        with urllib.request.urlopen(self.daemon.origin + "/readyz", context=context, timeout=harness.PATIENCE) as answer:
            self.assertEqual(answer.status, 200)
        with self.assertRaises(OSError):
            urllib.request.urlopen(self.daemon.origin + "/readyz", timeout=harness.PATIENCE)  # the usual roots do not know it
        port = urllib.parse.urlsplit(self.daemon.origin).port
        got = harness.raw_exchange(f"http://127.0.0.1:{port}", b"GET /readyz HTTP/1.1\r\nHost: k\r\n\r\n")
        self.assertNotIn(b"200", got)
        self.check_versions(port)

    def ask(self, path, certificate, **headers):
        """Status and code of one request with this client certificate."""
        context = ssl.create_default_context(cafile=self.file("ca.pem"))
        context.load_cert_chain(self.file(f"{certificate}.pem"), self.file(f"{certificate}.key"))
        request = urllib.request.Request(self.daemon.origin + path, headers=headers)
        try:
            with urllib.request.urlopen(request, context=context, timeout=harness.PATIENCE) as answer:
                return answer.status, None
        except urllib.error.HTTPError as answer:
            answer.close()
            return answer.code, answer.headers["Keyfob-Error"]

    def test_a_certificate_names_its_caller_and_gives_no_more_than_the_caller_may(self):
        self.world.add_app()
        key = self.world.add_caller("backend", "gateway,token:read")
        files = f'certificate = "{self.file("good.pem")}", key = "{self.file("good.key")}", client_ca = "{self.file("ca.pem")}"'
        self.world.configure("server", "tls", f"{{ {files} }}")
        self.daemon = harness.Program([harness.BIN / "keyfob", "--config", self.world.config_file, "serve"],
                                      self.world.root / "keyfob.log", r"keyfob listening on (https://[^\s,]+)")
        self.addCleanup(self.daemon.kill)
        self.assertEqual(self.ask("/v1/version", "backend"), (200, None))
        self.assertEqual(self.ask("/v1/token?user=nobody", "backend"), (404, "unknown_grant"))
        self.assertEqual(self.ask("/v1/grants", "backend"), (403, "forbidden"))
        self.assertEqual(self.ask("/v1/version", "good"), (401, "unauthenticated"), "a certificate that is no caller's")
        self.assertEqual(self.ask("/v1/version", "good", Authorization=f"Bearer {key}"), (200, None))
        self.assertEqual(self.ask("/v1/version", "backend", Authorization="Bearer kf_wrong"), (401, "unauthenticated"))
        self.world.cli_ok("caller", "disable", "backend")
        eventually(lambda: self.ask("/v1/version", "backend") == (401, "unauthenticated"), "a disabled caller is shut out")

    def test_client_certificates_are_demanded_except_on_the_public_side(self):
        files = f'certificate = "{self.file("good.pem")}", key = "{self.file("good.key")}", client_ca = "{self.file("ca.pem")}"'
        self.world.configure("server", "tls", f"{{ {files} }}")
        public = harness.free_port()
        self.world.configure("server", "public_listen", f'["127.0.0.1:{public}"]')
        self.daemon = harness.Program([harness.BIN / "keyfob", "--config", self.world.config_file, "serve"],
                                      self.world.root / "keyfob.log", r"keyfob listening on (https://[^\s,]+)")
        self.addCleanup(self.daemon.kill)
        context = ssl.create_default_context(cafile=self.file("ca.pem"))
        with self.assertRaises(OSError):
            urllib.request.urlopen(self.daemon.origin + "/readyz", context=context, timeout=harness.PATIENCE).read()
        with self.assertRaises(urllib.error.HTTPError) as answer:
            urllib.request.urlopen(f"https://127.0.0.1:{public}/connect/callback?code=c&state=s", context=context)
        self.assertEqual((answer.exception.code, answer.exception.headers["Keyfob-Error"]), (400, "unknown_state"))
        answer.exception.close()
        context.load_cert_chain(self.file("good.pem"), self.file("good.key"))
        with urllib.request.urlopen(self.daemon.origin + "/readyz", context=context, timeout=harness.PATIENCE) as good:
            self.assertEqual(good.status, 200)

    def check_versions(self, port):
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with harness.warnings_off():
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("DEFAULT@SECLEVEL=0")  # so that it is the server that says no
        with self.assertRaises(OSError), harness.socket.create_connection(("127.0.0.1", port)) as s:
            old.wrap_socket(s)


class Calling(TlsCase):
    def provide(self, certificate):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file(f"{certificate}.pem"), self.file(f"{certificate}.key"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.daemon_threads, server.seen = True, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        origin = f"https://127.0.0.1:{server.server_port}"
        with open(self.world.config_file, "a") as config:
            config.write(f'\n[providers.acme]\ntoken_url = "{origin}/token"\nreuse_window = "60s"\n'
                         f'[[providers.acme.routes]]\nmatch = "/acme/{{vehicle}}/**"\norigin = "{origin}"\n')
        return server

    def begin(self):
        self.world.serve()
        self.world.add_app("acme", "--provider", "acme")
        self.world.api_key = self.world.add_caller("backend", "gateway,grant:write,token:read", app="acme")
        for user, life in (("valid", 7200), ("expired", 0)):
            pair = {"access_token": f"access-{user}", "refresh_token": f"refresh-{user}", "vehicles": [f"car-of-{user}"]}
            self.world.import_grant(user, pair=pair, expires_in=life)

    def check_refused(self, server):
        self.begin()
        self.assert_answer(self.world.api("GET", "/acme/car-of-valid/x"), 502, "upstream_unreachable")
        with harness.contextlib.suppress(OSError):
            answer = self.world.api("GET", "/v1/token?user=expired", patience=2)
            self.assert_answer(answer, 503, "provider_unavailable")
        self.assertEqual(server.seen, [])

    def test_a_certificate_of_an_unknown_authority_gets_no_token(self):
        self.check_refused(self.provide("good"))

    def test_a_certificate_of_another_host_gets_no_token(self):
        self.world.configure("upstream", "ca_file", f'"{self.file("ca.pem")}"')
        self.check_refused(self.provide("other"))

    def test_an_authority_of_one_s_own(self):
        self.world.configure("upstream", "ca_file", f'"{self.file("ca.pem")}"')
        server = self.provide("good")
        self.begin()
        answer = self.assert_answer(self.world.api("GET", "/acme/car-of-valid/x"), 200)
        self.assertEqual(answer.json, {"path": "/acme/car-of-valid/x"})
        eventually(lambda: self.token_of("user=expired") == "fresh-access", "refreshed over TLS")
        self.assertEqual(sorted(server.seen), ["/acme/car-of-valid/x", "/token"])


if __name__ == "__main__":
    harness.main()
