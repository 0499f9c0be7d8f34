"""Starting, stopping, configuring; and the exact request of the provider's token guide."""

import contextlib
import re
import threading
import urllib.parse

import harness
from harness import CLIENT_ID, CLIENT_SECRET, eventually


class Stopping(harness.Case):
    def test_sigterm_lets_requests_finish(self):
        pair = self.world.import_grant("ann")
        self.sim.fault("hold", where="api")
        answers = []
        path = f"/v2.0/vehicles/{pair['vehicle']}"
        caller = threading.Thread(target=lambda: answers.append(self.world.api("GET", path)))
        caller.start()
        eventually(lambda: self.sim.stats()["held"] == 1, "a call is under way")
        self.world.daemon.signal(harness.signal.SIGTERM)
        eventually(self.refused, "no new connection is taken")
        self.assertTrue(self.world.daemon.running())
        self.sim.post("release")
        caller.join()
        self.assertEqual(answers[0].status, 200)
        self.assertEqual(self.world.daemon.wait(), 0)

    def admin_socket(self, target):
        with harness.socket.socket(harness.socket.AF_UNIX) as s:
            s.settimeout(harness.PATIENCE)
            s.connect(str(self.world.home / "state" / "admin.sock"))
            s.sendall(f"GET {target} HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n".encode())
            return s.recv(65536).split(b"\r\n", 1)[0].decode()

    def test_while_it_drains_readyz_says_so_and_everything_else_is_served(self):
        self.world.configure("server", "drain_delay", '"10m"')
        self.world.restart()
        self.world.import_grant("ann")
        self.assertEqual(self.world.anonymous("GET", "/readyz").status, 200)
        self.world.daemon.signal(harness.signal.SIGTERM)
        eventually(lambda: self.world.anonymous("GET", "/readyz").status == 503, "it is not ready any more")
        self.assertEqual(self.world.anonymous("GET", "/healthz").status, 200)
        self.assertEqual(self.world.api("GET", "/v1/token?user=ann").status, 200)
        self.assertFalse(self.world.cli_ok("status", json_out=True).json["ready"])
        self.world.daemon.signal(harness.signal.SIGTERM)
        self.assertEqual(self.world.daemon.wait(), -harness.signal.SIGTERM, "a second one is obeyed at once")

    def test_without_a_delay_the_admin_socket_still_says_that_it_drains(self):
        pair = self.world.import_grant("ann")
        self.sim.fault("hold", where="api")
        path = f"/v2.0/vehicles/{pair['vehicle']}"
        caller = threading.Thread(target=lambda: self.world.api("GET", path))
        caller.start()
        eventually(lambda: self.sim.stats()["held"] == 1, "a call is under way")
        self.world.daemon.signal(harness.signal.SIGTERM)
        eventually(lambda: self.admin_socket("/readyz") == "HTTP/1.1 503 Service Unavailable", "it is not ready any more")
        self.sim.post("release")
        caller.join()
        self.assertEqual(self.world.daemon.wait(), 0)

    def refused(self):
        try:
            return self.world.anonymous("GET", "/readyz", patience=5).status == 503
        except OSError:
            return True

    def test_a_refresh_under_way_is_stored_before_the_end(self):
        pair = self.world.import_grant("ann", expires_in=0)
        self.sim.fault("hold")
        caller = threading.Thread(target=self.refused_token)
        caller.start()
        eventually(lambda: self.sim.stats()["held"] == 1, "a refresh is under way")
        self.world.daemon.signal(harness.signal.SIGTERM)
        self.sim.post("release")
        self.assertEqual(self.world.daemon.wait(), 0)
        caller.join()
        self.world.serve()
        self.assertTrue(self.sim.inspect(self.token_of("user=ann"))["live"])
        self.assertEqual(self.sim.stats()["refresh"]["second_uses"], 0)
        self.assertEqual(self.world.grant(pair["grant"])["generation"], 2)

    def refused_token(self):
        with contextlib.suppress(OSError):
            self.world.api("GET", "/v1/token?user=ann")

    def test_sighup_leaves_it_running(self):
        self.world.daemon.signal(harness.signal.SIGHUP)
        eventually(lambda: "configuration" in self.world.daemon.text(), "it says that it has read the configuration")
        self.assertEqual(self.world.api("GET", "/readyz").status, 200)

    def test_nothing_but_the_ready_line_on_a_quiet_start(self):
        self.world.restart()
        said = [line for line in self.world.daemon.text().splitlines() if "listening on" not in line]
        self.assertEqual(said, [])


class Configuration(harness.Case):
    start = False

    def refused(self, section, key, value):
        text = self.world.config_file.read_text()
        self.world.configure(section, key, value)
        lines = self.world.config_file.read_text().splitlines()
        done = self.world.cli("serve")
        self.world.config_file.write_text(text)
        self.assertEqual((done.code, done.out), (2, ""), done)
        number = int(re.search(r"keyfob\.toml:(\d+): ", done.err)[1])
        return done.err, lines[number - 1]

    def test_an_unknown_key_names_line_key_and_the_nearest_known_key(self):
        for section, typed, meant in (("server", "max_bdoy", "server.max_body"), ("refresh", "min_validty", "refresh.min_validity"),
                                      ("cache", "max_stalenes", "cache.max_staleness"),
                                      ("providers.smartcar", "token_ulr", "providers.smartcar.token_url")):
            words, line = self.refused(section, typed, '"1"')
            self.assertTrue(line.startswith(typed), line)
            self.assertIn(f"did you mean {meant}?", words)

    def test_impossible_values_and_combinations(self):
        for section, key, value, words in (
                ("server", "listen", '["0.0.0.0:7420"]', "TLS"), ("refresh", "lease", '"5s"', "lease"),
                ("refresh", "ahead", '"1s"', "min_validity"), ("refresh", "mode", '"often"', "always_fresh"),
                ("server", "max_body", "17", "size"), ("store", "url", '"mysql://x"', "sqlite:"),
                ("providers.smartcar", "reuse_window", '"5s"', "reuse window"),
                ("providers.smartcar", "all_origins", '"http://example.com"', "https"),
                ("providers.smartcar", "client_auth", '"cookie"', "basic")):
            with self.subTest(f"{section}.{key} = {value}"):
                self.assertIn(words, self.refused(section, key, value)[0])

    def test_no_configuration_at_all(self):
        self.world.config_file.unlink()
        for command in (("serve",), ("app", "list"), ("--config", "/nonexistent/keyfob.toml", "serve")):
            done = self.world.cli(*command)
            self.assertEqual(done.code, 2, done)
            self.assertIn("keyfob init", done.err)

    def test_init_refuses_to_overwrite(self):
        before = {p: p.read_bytes() for p in self.world.home.iterdir()}
        self.assertNotEqual(self.world.cli("init", "--dir", self.world.home).code, 0)
        self.assertEqual({p: p.read_bytes() for p in self.world.home.iterdir()}, before)
        modes = {p.name: oct(p.stat().st_mode & 0o777) for p in before}
        self.assertEqual(modes, {"keyfob.toml": "0o600", "keyfob.key": "0o600", "keyfob.db": "0o600"})

    def test_what_init_writes_has_a_one_line_listen_and_no_providers(self):
        fresh = self.world.root / "fresh"
        self.world.cli_ok("init", "--dir", fresh)
        text = (fresh / "keyfob.toml").read_text()
        self.assertRegex(text, r'(?m)^listen = \["127\.0\.0\.1:7420"\]$')
        self.assertNotIn("[providers", text)

    def test_a_port_that_is_taken(self):
        port = urllib.parse.urlsplit(self.world.sim.origin).port
        self.world.configure("server", "listen", f'["127.0.0.1:{port}"]')
        done = self.world.cli("serve")
        self.assertEqual(done.code, 1, done)
        self.assertIn(str(port), done.err)

    def test_the_command_line_works_while_the_daemon_is_down_and_while_it_is_up(self):
        self.world.add_app("offline")
        self.world.serve()
        self.world.add_app("online")
        names = [a["name"] for a in self.world.cli_ok("app", "list", json_out=True).json["apps"]]
        self.assertEqual(names, ["offline", "online"])
        self.world.daemon.stop()
        self.assertEqual(len(self.world.cli_ok("app", "list", json_out=True).json["apps"]), 2)
        self.assertEqual(self.world.cli("app", "show", "nothing").code, 3)

    def test_a_store_that_is_newer_than_the_program(self):
        self.world.add_app()
        self.world.sql("INSERT INTO schema_migrations (version) VALUES (1000)")
        for command in (("serve",), ("app", "list")):
            done = self.world.cli(*command)
            self.assertNotEqual(done.code, 0)
            self.assertIn("1000", done.err)


class UnixSocket(harness.Case):
    config = {("server", "listen"): '["127.0.0.1:0", "unix:kf.sock"]'}

    def ask(self, target, headers=""):
        with harness.socket.socket(harness.socket.AF_UNIX) as s:
            s.settimeout(harness.PATIENCE)
            s.connect(str(self.world.home / "kf.sock"))
            s.sendall(f"GET {target} HTTP/1.1\r\nHost: k\r\nConnection: close\r\n{headers}\r\n".encode())
            got = b""
            while piece := s.recv(65536):
                got += piece
        return got.split(b"\r\n", 1)[0].decode(), got

    def test_it_serves_the_same_and_can_be_bound_again_after_a_kill(self):
        self.world.import_grant("ann")
        for _ in range(2):
            self.assertEqual((self.world.home / "kf.sock").stat().st_mode & 0o077, 0)
            key = f"Authorization: Bearer {self.world.api_key}\r\n"
            self.assertEqual(self.ask("/v1/token?user=ann", key)[0], "HTTP/1.1 200 OK")
            self.assertEqual(self.ask("/v1/token?user=ann", "Authorization: Bearer kf_x_y\r\n")[0], "HTTP/1.1 401 Unauthorized")
            self.world.daemon.kill()
            self.world.serve()


class Modes(harness.Case):
    def test_everything_it_writes_is_for_its_user_alone(self):
        self.world.import_grant("ann")
        wide = {str(p.relative_to(self.world.home)): oct(p.stat().st_mode & 0o777) for p in self.world.home.rglob("*")
                if p.stat().st_mode & 0o077}
        self.assertEqual(wide, {})


class ClientAuth(harness.Case):
    """Where the client's credentials go."""

    def refresh(self):
        self.pair = self.world.import_grant("ann")
        answer = self.world.api("POST", f"/v1/grants/{self.pair['grant']}/refresh")
        self.assert_answer(answer, 200)
        return self.sim.requests("/oauth/token")[0]

    def test_by_default_no_secret_is_ever_in_a_url(self):
        sent = self.refresh()
        self.assertEqual((sent["client_auth"], sent["query"], sent["secret_in_url"]), ("basic", "", False))
        self.assertEqual(self.sim.stats()["secrets_in_urls"], 0)

    def test_body(self):
        self.world.configure("providers.smartcar", "client_auth", '"body"')
        self.world.restart()
        sent = self.refresh()
        self.assertEqual((sent["client_auth"], sent["query"]), ("body", ""))
        self.assertNotIn("authorization", sent["headers"])


class GuideForm(harness.Case):
    """client_auth = "query" is the request of the provider's token guide, byte for byte."""

    def test_the_bytes_on_the_wire(self):
        wire = Recorder()
        self.addCleanup(wire.close)
        self.world.configure("providers.smartcar", "client_auth", '"query"')
        self.world.configure("providers.smartcar", "token_url", f'"{wire.origin}/oauth/token"')
        self.world.restart()
        pair = self.world.import_grant("ann", expires_in=0)
        with contextlib.suppress(OSError):  # it goes on asking while the answer is 503; we do not wait for that
            self.world.api("GET", "/v1/token?user=ann", patience=1)
        expected = (f"POST /oauth/token?client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&grant_type=refresh_token&"
                    f"refresh_token={pair['refresh_token']} HTTP/1.1")
        head = wire.request().decode()
        lines = head.split("\r\n")
        self.assertEqual(lines[0], expected)
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        self.assertEqual(headers["Content-Type"], "application/x-www-form-urlencoded")
        self.assertEqual(headers["Content-Length"], "0")
        self.assertTrue(headers["User-Agent"].startswith("Keyfob/"))
        self.assertNotIn("Authorization", headers)
        self.assertTrue(head.endswith("\r\n\r\n"))

    def test_the_simulator_understands_it(self):
        self.world.configure("providers.smartcar", "client_auth", '"query"')
        self.world.restart()
        pair = self.world.import_grant("ann")
        self.assert_answer(self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh"), 200)
        sent = self.sim.requests("/oauth/token")[0]
        self.assertEqual((sent["client_auth"], sent["body_bytes"], sent["status"]), ("query", 0, 200))
        names = [p.split("=")[0] for p in sent["query"].split("&")]
        self.assertEqual(names, ["client_id", "client_secret", "grant_type", "refresh_token"])


class Recorder:
    """A listener that keeps what it is sent and answers 503."""

    def __init__(self):
        self.listener = harness.socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.requests = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                got = b""
                while b"\r\n\r\n" not in got and (piece := connection.recv(65536)):
                    got += piece
                self.requests.append(got)
                connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def request(self):
        return eventually(lambda: self.requests and self.requests[0], "a request")

    def close(self):
        self.listener.close()


if __name__ == "__main__":
    harness.main()
