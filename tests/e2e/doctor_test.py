"""keyfob doctor: each thing that can be wrong is planted, found, explained, and gone once it is mended."""

import email.utils
import http.server
import sqlite3
import subprocess
import threading
import time

import harness
from receiver import Receiver


class Doctor(harness.Case):
    def examine(self):
        done = self.world.cli("doctor", json_out=True)
        self.assertIn(done.code, (0, 1), done)
        self.assertEqual(done.code == 0, done.json["healthy"], done)
        return done.json["findings"]

    def assert_healthy(self):
        problems = [f for f in self.examine() if f["status"] == "problem"]
        self.assertEqual(problems, [])

    def problem(self, check):
        found = [f for f in self.examine() if f["check"] == check and f["status"] == "problem"]
        self.assertEqual(len(found), 1, self.examine())
        self.assertTrue(found[0]["what"] and found[0]["why"] and found[0]["todo"], found)
        return found[0]["what"]

    def test_a_sound_installation_is_healthy_with_and_without_a_daemon(self):
        self.world.import_grant("ann")
        self.assert_healthy()
        done = self.world.cli("doctor")
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertNotIn("PROBLEM", done.out)
        self.world.daemon.stop()
        self.assert_healthy()

    def test_a_person_is_told_why_it_matters_and_what_to_do(self):
        (self.world.home / "keyfob.key").chmod(0o644)
        done = self.world.cli("doctor")
        self.assertEqual(done.code, 1)
        self.assertRegex(done.out, r"PROBLEM +file_modes +\S*keyfob.key has mode 0644: others can read it")
        self.assertRegex(done.out, r"why: \S+")
        self.assertRegex(done.out, r"do: +chmod 600 \S*keyfob.key")
        self.assertRegex(done.err, r"problems? (was|were) found")

    def test_files_that_others_can_open(self):
        for name, mode in (("keyfob.key", 0o640), ("keyfob.toml", 0o666), ("state", 0o777)):
            path = self.world.home / name
            before = path.stat().st_mode & 0o777
            path.chmod(mode)
            self.assertIn(name, self.problem("file_modes"))
            path.chmod(before)
        self.assert_healthy()

    def test_a_master_key_that_is_not_the_stores(self):
        key = self.world.home / "keyfob.key"
        kept = self.world.root / "kept"
        key.rename(kept)
        done = subprocess.run([harness.BIN / "keyfob", "init", "--dir", self.world.root / "other"], capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done)
        (self.world.root / "other" / "keyfob.key").rename(key)
        self.assertIn("not at hand", self.problem("master_key"))
        self.world.daemon.stop()
        self.assertIn("master key", self.problem("master_key"))
        key.unlink()
        kept.rename(key)
        self.assert_healthy()

    def test_a_provider_that_does_not_answer(self):
        self.sim.stop()
        self.assertIn("does not answer", self.problem("provider"))

    def test_a_clock_that_is_far_off(self):
        class Late(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response_only(200)
                self.send_header("Date", email.utils.formatdate(time.time() + 600, usegmt=True))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Late)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            self.world.configure("providers.smartcar", "all_origins", f'"http://127.0.0.1:{server.server_port}"')
            self.assertRegex(self.problem("clock"), r"\d+ s behind")
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def test_a_redirect_uri_that_leads_elsewhere(self):
        self.world.cli_ok("app", "set", harness.APP, "--redirect-uri", "https://old.example.com/connect/callback")
        self.assert_healthy()
        self.world.configure("server", "public_url", '"https://keyfob.example.com"')
        self.assertIn("old.example.com", self.problem("redirect_uri"))
        self.world.cli_ok("app", "set", harness.APP, "--redirect-uri", "https://keyfob.example.com/connect/callback")
        self.assert_healthy()

    def test_a_store_of_another_schema_is_not_touched(self):
        self.world.daemon.stop()
        known = self.world.sql("SELECT max(version) FROM schema_migrations")[0][0]
        self.world.sql("INSERT INTO schema_migrations (version) VALUES (?)", known + 1)
        self.assertIn(f"schema {known + 1}", self.problem("store"))
        refused = self.world.cli("app", "list")
        self.assertEqual(refused.code, 1)
        self.assertIn(f"the store has schema {known + 1}, this program knows {known}", refused.err)
        self.world.sql("DELETE FROM schema_migrations WHERE version >= ?", known)
        self.assertIn(f"schema {known - 1}", self.problem("store"))
        self.assertEqual(self.world.sql("SELECT max(version) FROM schema_migrations")[0][0], known - 1)

    def test_grants_that_expire_while_nobody_renews_them(self):
        grant = self.world.import_grant("ann")["grant"]
        self.world.daemon.stop()
        self.world.sql("UPDATE grants SET renew_by = renew_by - 100 * 86400000 WHERE grant_id = ?", grant)
        self.assertIn("should have been renewed", self.problem("expiring_grants"))

    def test_an_application_whose_secret_is_refused(self):
        grant = self.world.import_grant("ann")["grant"]
        self.world.cli_ok("app", "set", harness.APP, "--client-secret", "-", secret="wrong")
        self.world.cli_ok("app", "set", harness.APP, "--client-secret", "-", secret="wrong too")
        self.world.api("POST", f"/v1/grants/{grant}/refresh")
        self.assertIn(harness.APP, self.problem("applications"))


class Stuck(Doctor):
    """What should move and does not."""

    def lock_the_store(self):
        lock = sqlite3.connect(self.world.database, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        return lock

    def test_pairs_that_the_store_does_not_take(self):
        grant = self.world.import_grant("ann", expires_in=0)["grant"]
        self.sim.fault("hold")
        caller = threading.Thread(target=self.world.api, args=("GET", "/v1/token?user=ann"))
        caller.start()
        harness.eventually(lambda: self.sim.stats()["held"] == 1, "a refresh is under way")
        lock = self.lock_the_store()
        self.sim.post("release")
        caller.join()
        self.assertIn("wait in the spool", self.problem("spool"))
        self.world.daemon.kill()
        lock.close()
        self.assertIn("wait in the spool", self.problem("spool"))
        self.world.serve()
        harness.eventually(lambda: self.world.grant(grant)["generation"] == 2, "the pair is stored")
        self.assert_healthy()

    def test_notifications_that_nobody_takes(self):
        backend = Receiver()
        self.addCleanup(backend.close)
        backend.refuse = lambda delivery: True
        (self.world.home / "events.key").write_text("planted-events-secret-77\n")
        (self.world.home / "events.key").chmod(0o600)
        self.world.configure("events", "url", f'"{backend.url}"')
        self.world.configure("events", "secret", '"file:events.key"')
        self.world.restart()
        grant = self.world.import_grant("ann")["grant"]
        self.assertIn(self.world.api("DELETE", f"/v1/grants/{grant}").status, (202, 204))
        harness.eventually(lambda: backend.refused > 0, "it is tried")
        self.assert_healthy()
        self.world.daemon.stop()
        self.world.sql("UPDATE outbox SET created_at = created_at - 600000")
        self.assertRegex(self.problem("outbox"), "1 notifications wait for events, the oldest since .*; tried [1-9]")
        self.world.serve()
        self.assertIn("notifications wait", self.problem("outbox"))
        backend.refuse = lambda delivery: False
        self.world.restart()
        harness.eventually(lambda: backend.deliveries, "it is delivered", 150)
        harness.eventually(lambda: self.world.sql("SELECT count(*) FROM outbox")[0][0] == 0, "nothing waits")
        self.assert_healthy()

    def test_a_store_whose_notifications_go_nowhere_has_none(self):
        found = [f for f in self.examine() if f["check"] == "outbox"]
        self.assertEqual([f["status"] for f in found], ["skipped"])


if __name__ == "__main__":
    harness.main()
