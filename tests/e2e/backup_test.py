"""keyfob backup: one verified file out of a store in use, nothing half-written, and what a restored one means."""

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading

import harness
from harness import eventually


class Backup(harness.Case):
    def path(self, name="backup.db"):
        return self.world.root / name

    def left_behind(self):
        """Everything in the backup's folder that is not the world's own."""
        known = {"kf", "sim.log", "keyfob.log"}
        return sorted(file.name for file in self.world.root.iterdir() if file.name not in known)

    def back_up(self, *options, name="backup.db"):
        return self.world.cli("backup", self.path(name), *options, json_out=True)

    def test_a_store_in_use_becomes_one_private_file_whose_records_all_open(self):
        for number in range(30):
            self.world.import_grant(f"user-{number}")
        done = self.back_up()
        self.assertEqual((done.code, done.err), (0, ""), done)
        self.assertEqual((done.json["grants"], done.json["applications"], done.json["damaged"]), (30, 1, 0))
        self.assertTrue(done.json["opened"])
        self.assertEqual(stat.S_IMODE(self.path().stat().st_mode), 0o600)
        self.assertEqual(done.json["bytes"], self.path().stat().st_size)
        self.assertEqual(self.left_behind(), ["backup.db"])
        self.assertEqual(self.world.api("GET", "/v1/token?user=user-3").status, 200)

    def test_writers_are_not_stopped_and_the_copy_is_of_one_moment(self):
        pairs = [self.world.import_grant(f"user-{number}") for number in range(8)]
        stop, failures = threading.Event(), []

        def rotate(grant):
            while not stop.is_set():
                answer = self.world.api("POST", f"/v1/grants/{grant}/refresh")
                if answer.status != 200:
                    failures.append(answer)

        threads = [threading.Thread(target=rotate, args=(pair["grant"],)) for pair in pairs[:4]]
        for thread in threads:
            thread.start()
        try:
            for number in range(5):
                done = self.back_up(name=f"b{number}.db")
                self.assertEqual(done.code, 0, done)
                self.assertEqual((done.json["grants"], done.json["damaged"]), (8, 0))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])

    def test_nothing_is_overwritten(self):
        self.path().write_text("precious")
        done = self.back_up()
        self.assertEqual(done.code, 1)
        self.assertIn("exists already", done.err)
        self.assertEqual(self.path().read_text(), "precious")

    def test_a_full_disk_leaves_nothing(self):
        for number in range(20):
            self.world.import_grant(f"user-{number}")
        limit = 40 * 1024

        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        done = subprocess.run([harness.BIN / "keyfob", "--config", self.world.config_file, "backup", self.path()],
                              capture_output=True, text=True, check=False, preexec_fn=small_files)
        self.assertEqual(done.returncode, 1, done)
        self.assertEqual(len(done.stderr.splitlines()), 2, done.stderr)
        self.assertEqual(self.left_behind(), [])

    def test_a_record_that_does_not_open_is_named_and_no_backup_is_kept_unless_asked(self):
        grant = self.world.import_grant("ann")["grant"]
        self.world.import_grant("bob")
        self.world.daemon.stop()
        self.world.sql("UPDATE grants SET refresh_sealed = zeroblob(100) WHERE grant_id = ?", grant)
        done = self.back_up()
        self.assertEqual(done.code, 1)
        self.assertIn(grant, done.err)
        self.assertEqual(self.left_behind(), [])
        kept = self.back_up("--accept-damaged")
        self.assertEqual((kept.code, kept.json["damaged"], kept.json["grants"]), (0, 1, 2))

    def test_a_damaged_file_gives_no_backup(self):
        for number in range(40):
            self.world.import_grant(f"user-{number}")
        self.world.daemon.stop()
        with open(self.world.database, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            for page in range(4, size // 4096):
                file.seek(page * 4096)
                file.write(b"\xff" * 64)
        done = self.back_up()
        self.assertEqual(done.code, 1, done)
        self.assertEqual(self.left_behind(), [])

    def test_the_wrong_master_key_is_found_before_the_backup_is_needed(self):
        self.world.import_grant("ann")
        key = self.world.home / "keyfob.key"
        right = key.read_text()
        key.unlink()
        other = self.world.root / "other"
        self.world.config_file.rename(self.world.root / "kept.toml")
        self.world.cli_ok("init", "--dir", other)
        (self.world.root / "kept.toml").rename(self.world.config_file)
        shutil.copy(other / "keyfob.key", key)
        shutil.rmtree(other)
        done = self.back_up()
        self.assertEqual(done.code, 1)
        self.assertIn("master key", done.err)
        self.assertEqual(self.left_behind(), [])
        self.assertEqual(self.back_up("--unverified").json["opened"], False)
        key.write_text(right)

    def test_an_interrupted_backup_leaves_nothing(self):
        for number in range(50):
            self.world.import_grant(f"user-{number}")
        arguments = [harness.BIN / "keyfob", "--config", self.world.config_file, "backup", self.path()]
        for _ in range(10):
            process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            harness.eventually(lambda p=process: self.left_behind() or p.poll() is not None, "the backup has begun")
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=harness.PATIENCE)
            if process.returncode == 0:
                self.path().unlink()
            self.assertIn(process.returncode, (0, 1))
            self.assertEqual(self.left_behind(), [])

    def test_postgresql_is_for_its_own_tools(self):
        self.world.daemon.stop()
        self.world.configure("store", "url", '"postgresql://127.0.0.1:1/keyfob"')
        done = self.world.cli("backup", self.path())
        self.assertEqual(done.code, 2)
        self.assertIn("pg_dump", done.err)

    def test_the_output_says_loudly_what_a_restore_means(self):
        done = self.world.cli_ok("backup", self.path())
        self.assertIn("BEFORE YOU RESTORE IT", done.out)
        self.assertIn("NEVER serve a copy while the original still runs", done.out)


class RestoreDrill(harness.Case):
    """The disk is lost; yesterday's backup is put back beside the state directory that survived, or on a new machine."""

    sim_options = ("--clock", "manual")

    def restore(self, state_survived):
        self.world.daemon.kill()
        for tail in ("", "-wal", "-shm"):
            (self.world.home / f"keyfob.db{tail}").unlink(missing_ok=True)
        if not state_survived:
            shutil.rmtree(self.world.home / "state")
        shutil.copyfile(self.world.root / "backup.db", self.world.database)
        self.world.database.chmod(0o600)
        self.world.serve()

    def lose_and_restore(self, state_survived):
        """ann was refreshed after the backup, bob was not."""
        ann, bob = self.world.import_grant("ann"), self.world.import_grant("bob")
        self.world.cli_ok("backup", self.world.root / "backup.db")
        self.assertEqual(self.world.api("POST", f"/v1/grants/{ann['grant']}/refresh").status, 200)
        self.sim.post("advance", seconds=3600)
        self.restore(state_survived)
        return ann["grant"], bob["grant"]

    def finding(self, name="restored_backup"):
        done = self.world.cli("doctor", json_out=True)
        found = {f["check"]: f for f in done.json["findings"]}[name]
        return done.code, found

    def check_drill(self, state_survived):
        ann, bob = self.lose_and_restore(state_survived)
        eventually(lambda: "restored from a backup" in self.world.daemon.text(), "it says so")
        code, found = self.finding()
        self.assertEqual((code, found["status"]), (1, "problem"))
        probed = self.world.cli("doctor", "--probe", json_out=True)
        self.assertEqual((probed.json["probe"]["refreshed"], probed.json["probe"]["refused"]), (1, 1), probed)
        self.assertEqual(self.world.grant(bob)["status"], "active")
        self.assertIn(self.world.grant(ann)["status"], ("suspect", "needs_reauth"))
        code, found = self.finding()
        self.assertEqual(found["status"], "ok", found)
        harness.eventually(lambda: self.world.grant(ann)["status"] == "needs_reauth", "the refusal is confirmed", 120)
        self.assertEqual(self.world.api("GET", "/v1/token?user=bob").status, 200)

    def test_a_backup_on_the_machine_that_lost_its_store_is_recognised_and_probed(self):
        self.check_drill(state_survived=True)

    def test_a_backup_on_a_new_machine_is_recognised_and_probed(self):
        self.check_drill(state_survived=False)

    def test_a_plain_copy_of_the_file_is_recognised_by_the_state_directory(self):
        ann = self.world.import_grant("ann")["grant"]
        self.world.daemon.stop()
        shutil.copyfile(self.world.database, self.world.root / "backup.db")
        self.world.serve()
        self.assertEqual(self.world.api("POST", f"/v1/grants/{ann}/refresh").status, 200)
        self.world.daemon.stop()
        self.world.serve()
        self.restore(state_survived=True)
        code, found = self.finding()
        self.assertEqual((code, found["status"]), (1, "problem"), found)

    def test_a_log_that_was_shipped_brings_back_the_last_refresh(self):
        """As Litestream does it: a reader keeps the log from starting anew, the file goes once, then what the log grows by."""
        pair = self.world.import_grant("ann")
        log = self.world.home / "keyfob.db-wal"
        with contextlib.closing(sqlite3.connect(self.world.database, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM grants").fetchone()
            subprocess.run(["cp", self.world.database, self.world.root / "shipped.db"], check=True)  # closing it here would end our locks
            shipped = bytearray()
            for _ in range(3):
                self.assert_answer(self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh"), 200)
                grown = log.read_bytes()[len(shipped):]
                self.assertGreater(len(grown), 0)
                shipped += grown
                self.world.restart()
            token = self.token_of("user=ann")
        self.world.daemon.kill()
        for tail in ("", "-wal", "-shm"):
            (self.world.home / f"keyfob.db{tail}").unlink(missing_ok=True)
        shutil.copyfile(self.world.root / "shipped.db", self.world.database)
        log.write_bytes(shipped)
        for file in (self.world.database, log):
            file.chmod(0o600)
        self.world.serve()
        self.assertEqual(self.token_of("user=ann"), token)
        self.assertNotEqual(token, pair["access_token"])

    def test_a_store_that_was_never_restored_is_not_suspected(self):
        self.world.import_grant("ann")
        self.world.daemon.kill()
        self.world.serve()
        code, found = self.finding()
        self.assertEqual(found["status"], "ok", found)


if __name__ == "__main__":
    harness.main()
