"""Plants secrets, exercises everything, and then looks for them everywhere they must not be."""

import contextlib
import pathlib
import re
import resource
import threading

import harness
from harness import APP, CLIENT_ID, CLIENT_SECRET, MANAGEMENT_TOKEN, eventually, exchange, forms_of

UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Search(harness.Case):
    config = {("refresh", "min_interval"): '"0s"'}

    def setUp(self):
        super().setUp()
        self.secrets = {"client secret": CLIENT_SECRET, "management token": MANAGEMENT_TOKEN,
                        "API key": self.world.api_key, "API key's secret": self.world.api_key.split("_", 2)[2]}
        self.tokens_meant = set()  # what /v1/token gave out: the one place where a token belongs

    def plant(self, name, secret):
        self.secrets[name] = secret
        return secret

    def import_planted(self, user, **more):
        pair = self.world.import_grant(user, **more)
        self.plant(f"access token of {user}", pair["access_token"])
        self.plant(f"refresh token of {user}", pair["refresh_token"])
        return pair

    def test_no_secret_is_where_it_must_not_be(self):
        self.world.restart(options=("-v",))  # the most talkative
        self.life_of_a_grant()
        self.provider_echoes_the_token()
        self.things_that_go_wrong()
        self.crash_with_a_pair_under_way()
        running = self.look_at_the_process()
        self.spool_a_pair()
        spooled = {f"{name} while a pair is in the spool": content for name, content in self.files().items()}
        self.assertIn(b"KFcell1", spooled["spool while a pair is in the spool"])
        self.world.restart(options=("-v",))
        files = self.files()
        self.assertTrue({"keyfob.db", "keyfob.db-wal", "keyfob.db-shm", "spool", "keyfob.log"} <= set(files), set(files))
        places = files | spooled | running | {f"output of keyfob {c}": t.encode() for c, t in self.world.outputs}
        places |= {f"answer {n} to {what}": self.bytes_of(a) for n, (what, a) in enumerate(self.answers_to_search())}
        self.search_for_planted(places)
        self.search_for_any_token(places)
        self.check_the_search_itself(places)

    # --- everything that Keyfob does -------------------------------------------------------------------------------

    def get_token(self, query):
        answer = self.world.api("GET", f"/v1/token?{query}")
        if answer.status == 200:
            self.world.answers.pop()
            self.tokens_meant.add(answer.json["access_token"])
            self.plant(f"token served for {query} ({len(self.tokens_meant)})", answer.json["access_token"])
            head = {k: v for k, v in answer.json.items() if k != "access_token"}
            self.world.answers.append(("GET /v1/token", harness.Answer(200, answer.headers, str(head).encode())))
        return answer

    def life_of_a_grant(self):
        pair = self.import_planted("ann", provider_user="provider-user-1", scope="read_vin")
        path = f"/v2.0/vehicles/{pair['vehicle']}"
        for method, target in (("GET", "/v1/grants"), ("GET", f"/v1/grants/{pair['grant']}"), ("GET", path),
                               ("POST", f"/v1/grants/{pair['grant']}/refresh"), ("GET", "/metrics")):
            self.assertEqual(self.world.api(method, target).status, 200, target)
        self.get_token("user=ann")
        self.sim.post("expire")
        self.assertEqual(self.world.api("GET", path).status, 200)
        self.get_token("user=ann")
        url = self.world.api("POST", "/v1/connect", {"user": "bob"}).json["url"]
        location = exchange(self.sim.origin, "GET", url[len(self.sim.origin):]).headers["location"]
        self.plant("authorization code", re.search(r"code=([^&]+)", location)[1])
        self.assertEqual(self.world.anonymous("GET", "/connect/callback?" + location.split("?", 1)[1]).status, 200)
        self.get_token("user=bob")
        gone = self.import_planted("carl")
        self.assertEqual(self.world.api("DELETE", f"/v1/grants/{gone['grant']}").status, 204)
        for command in (("app", "list"), ("app", "show", APP), ("caller", "list"), ("caller", "show", "backend"),
                        ("grant", "list"), ("grant", "show", pair["grant"]), ("grant", "refresh", pair["grant"]),
                        ("status",)):
            for json_out in (False, True):
                self.world.cli_ok(*command, json_out=json_out)

    def provider_echoes_the_token(self):
        """Smartcar's error_description repeats the refresh token."""
        pair = self.import_planted("echo", expires_in=0)
        self.sim.post("revoke", user=pair["user_id"])
        self.assertEqual(self.get_token("user=echo").status, 503)
        self.world.cli("grant", "refresh", pair["grant"])
        self.world.cli("grant", "show", pair["grant"])
        self.assertEqual(self.world.api("GET", f"/v2.0/vehicles/{pair['vehicle']}").status, 503)
        for number, (kind, words) in enumerate((("status", "no {refresh_token} here"), ("status", f"not {CLIENT_SECRET}"),
                                                ("html200", ""), ("cut_json", ""), ("missing_refresh_token", ""))):
            pair = self.import_planted(f"echo-{number}", expires_in=0)
            self.sim.fault(kind, user=pair["user_id"], times=2, status=400 + number, description=words.format(**pair))
            self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh")
        self.world.cli_ok("app", "set", APP, "--client-secret", "-", secret=CLIENT_SECRET)

    def things_that_go_wrong(self):
        pair = self.sim.issue(client_id=CLIENT_ID)
        self.plant("access token of a bad import", pair["access_token"])
        self.plant("refresh token of a bad import", pair["refresh_token"])
        body = {"user": "", "access_token": pair["access_token"], "refresh_token": pair["refresh_token"]}
        self.world.api("POST", "/v1/grants", body)
        self.world.api("POST", "/v1/grants", body | {"user": "x", "expires_in": pair["access_token"]})
        self.world.api("POST", "/v1/grants", str(body).encode())
        lines = f'{{"user":"x","refresh_token":"{pair["refresh_token"]}"\n{pair["access_token"]}\n'
        self.world.api("POST", "/v1/grants:import", lines.encode())
        wrong = self.plant("wrong API key", "kf_00000000_planted0wrong0key")
        for headers in ({"Authorization": f"Bearer {wrong}"}, {"Authorization": pair["access_token"]}):
            self.world.anonymous("GET", "/v1/token?user=ann", headers=headers)
            self.world.anonymous("GET", "/v2.0/vehicles/x", headers=headers)
        argument = self.plant("secret given as an argument", "planted-argument-secret-77")
        done = self.world.cli("app", "set", APP, "--client-secret", argument)
        self.assertEqual(done.code, 2)
        self.world.outputs[-1] = ("app set with a secret as argument", self.world.outputs[-1][1])
        file = self.world.root / "import.jsonl"
        file.write_text(lines)
        self.world.cli("grant", "import", str(file), "--app", APP)
        file.unlink()

    def crash_with_a_pair_under_way(self):
        pair = self.import_planted("crash", expires_in=0)
        self.sim.fault("drop_after_rotation", times=0, user=pair["user_id"])
        with contextlib.suppress(OSError):
            self.world.api("GET", "/v1/token?user=crash", patience=2)
        self.world.daemon.kill()
        self.sim.clear_faults()
        self.world.serve(options=("-v",))
        eventually(lambda: self.get_token("user=crash").status == 200, "recovered")

    def spool_a_pair(self):
        """No file may grow any more, so the store refuses the commit."""
        pair = self.import_planted("spooled")
        self.sim.fault("hold", user=pair["user_id"])
        caller = threading.Thread(target=lambda: self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh"))
        caller.start()
        eventually(lambda: self.sim.stats()["held"] == 1, "the provider holds its answer")
        size = self.world.database.with_name("keyfob.db-wal").stat().st_size
        self.assertGreater(size, 65536)
        resource.prlimit(self.world.daemon.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        self.sim.post("release")
        eventually(lambda: self.world.cli_ok("status", json_out=True).json["spooled"] == 1, "the pair is in the spool")
        caller.join()

    # --- where to look ---------------------------------------------------------------------------------------------

    def files(self):
        found = {}
        for path in self.world.root.rglob("*"):
            if path.is_file() and path.name != "sim.log":
                found[path.name] = path.read_bytes()
        return found

    def look_at_the_process(self):
        found = {}
        for name in ("cmdline", "environ", "comm", "maps"):
            try:
                found[f"/proc/PID/{name}"] = pathlib.Path(f"/proc/{self.world.daemon.pid}/{name}").read_bytes()
            except PermissionError:
                print(f"/proc/PID/{name}: closed to us, so it is to everybody but root")
        self.assertIn("/proc/PID/cmdline", found)
        return found

    def answers_to_search(self):
        self.assertGreater(len(self.world.answers), 30)
        return self.world.answers

    @staticmethod
    def bytes_of(answer):
        return repr(sorted(answer.headers.items())).encode() + b"\n" + answer.body

    def search_for_planted(self, places):
        self.assertGreater(len(self.secrets), 20)
        found = [f"{name} in {where}" for name, secret in self.secrets.items() for form in forms_of(secret)
                 for where, content in places.items() if form in content]
        self.assertEqual(found, [])

    def search_for_any_token(self, places):
        """Also tokens that only the provider and Keyfob have ever seen: it knows whether a UUID is one of its tokens."""
        seen = {match: where for where, content in places.items() for match in UUID.findall(content)}
        self.assertTrue(seen)
        kinds = {where: self.sim.inspect(uuid.decode())["kind"] for uuid, where in seen.items()}
        self.assertEqual({where: kind for where, kind in kinds.items() if kind != "unknown"}, {})

    def check_the_search_itself(self, places):
        """A search that cannot find anything would find nothing here either."""
        secret = self.secrets["refresh token of ann"]
        for planted in (secret.encode(), harness.base64.b64encode(b"xy" + secret.encode() + b"z"), secret.encode().hex().encode()):
            self.assertTrue(any(form in b"..." + planted + b"..." for form in forms_of(secret)))
        self.assertIn(b"ann", places["keyfob.db"] + places["keyfob.db-wal"])  # files were read while they hold our grants


if __name__ == "__main__":
    harness.main()
