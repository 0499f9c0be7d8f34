"""Keys, with real processes: rotate and re-seal under kill -9, change the master key, bury an application, other key providers."""

import json
import os
import pathlib
import random
import shutil
import subprocess
import threading

import harness
from harness import APP, eventually

GRANTS = 600
KILLS = 12


class Keys(harness.Case):
    config = {("keys", "reseal_rate"): "1500"}

    def fill(self, count):
        """Grants of users u0, u1, ...; the tokens are not the provider's: nothing here refreshes."""
        lines = [json.dumps({"user": f"u{i}", "vehicles": [f"v{i}"], "access_token": f"access-{i}-{'x' * 30}",
                             "refresh_token": f"refresh-{i}-{'y' * 30}", "expires_in": 86400}) for i in range(count)]
        file = self.world.root / "grants.jsonl"
        file.write_text("\n".join(lines))
        self.world.cli_ok("grant", "import", file, "--app", APP)

    def check_all_open(self, count):
        for i in range(count):
            self.assertEqual(self.token_of(f"user=u{i}"), f"access-{i}-{'x' * 30}")

    def keys(self):
        return self.world.cli_ok("keys", "list", json_out=True).json["keys"]

    def ids(self):
        """Of the application; the installation has a key of its own, which signs the audit trail."""
        return [key["id"] for key in self.keys() if key["app"] == APP]

    def test_killed_in_the_middle_of_a_reseal_nothing_is_lost_and_it_goes_on(self):
        self.fill(GRANTS)
        chance = random.Random(3)
        for kill in range(KILLS):
            self.world.cli_ok("keys", "rotate", "--app", APP)
            sealing = subprocess.Popen([harness.BIN / "keyfob", "--config", self.world.config_file, "keys", "reseal"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            threading.Event().wait(chance.uniform(0.02, 0.35))
            self.world.daemon.kill()
            sealing.wait(harness.PATIENCE)
            self.world.serve()
            for i in chance.sample(range(GRANTS), 60):
                self.assertEqual(self.token_of(f"user=u{i}"), f"access-{i}-{'x' * 30}", f"kill {kill}")
        eventually(lambda: len(self.ids()) == 1, "the daemon moves the rest by itself and retires the old keys", 120)
        self.assertEqual(self.ids(), [KILLS + 1])
        self.check_all_open(GRANTS)
        heads = self.world.sql("SELECT DISTINCT hex(substr(access_sealed, 1, 5)), hex(substr(refresh_sealed, 1, 5)), "
                               "hex(substr(association_mac, 1, 5)) FROM grants")
        self.assertEqual(heads, [(f"01{KILLS + 1:08X}",) * 3])

    def test_the_command_line_alone_rotates_moves_and_retires(self):
        self.fill(50)
        self.world.daemon.stop()
        self.world.cli_ok("keys", "rotate")
        done = self.world.cli_ok("keys", "reseal", json_out=True).json["resealed"]
        self.assertEqual([(one["moved"], one["done"], one["retired"]) for one in done], [(50, True, [1])])
        self.world.serve()
        self.check_all_open(50)

    def test_the_master_key_changes_while_serving_and_the_old_one_opens_nothing(self):
        self.fill(5)
        done = self.world.cli_ok("keys", "rewrap", "--master-key", f"file:{self.world.home}/new.key", json_out=True).json
        self.assertEqual((done["rewrapped"], done["created"]), (2, True))  # the application's and the installation's
        self.check_all_open(5)
        self.world.daemon.stop()
        refused = self.world.cli("app", "list")
        self.assertEqual(refused.code, 1, refused)
        self.assertIn("master key", refused.err)
        self.world.configure("keys", "also", f'["file:{self.world.home}/new.key"]')
        self.world.serve()
        self.check_all_open(5)
        self.world.daemon.stop()
        self.world.configure("keys", "also", "[]")
        self.world.configure("keys", "master", '"file:new.key"')
        self.world.serve()
        self.check_all_open(5)

    def test_the_master_key_is_not_changed_over_the_network(self):
        admin = self.world.add_caller("ops", "admin", app=None)
        answer = self.world.api("POST", "/v1/keys/rewrap", {"master_key": "exec:/bin/sh"}, key=admin)
        self.assert_answer(answer, 403, "forbidden")
        self.assertEqual(self.world.api("GET", "/v1/keys", key=admin).status, 200)
        for path in ("/v1/keys/rotate", "/v1/keys/reseal"):
            self.assert_answer(self.world.api("POST", path, {"app": APP}), 403, "forbidden")
        self.assert_answer(self.world.api("GET", "/v1/keys"), 403, "forbidden")

    def test_a_removed_application_is_dead_in_old_backups_once_the_old_master_key_is_gone(self):
        self.fill(3)
        wrapped = self.world.sql("SELECT wrapped FROM data_keys WHERE app_id <> 'installation'")[0][0]
        self.world.daemon.stop()
        backup = self.world.root / "backup.db"
        shutil.copy(self.world.database, backup)
        self.assertIn(wrapped, backup.read_bytes())
        self.world.cli_ok("app", "remove", APP, "--yes")
        self.assertNotIn(wrapped, self.world.database.read_bytes(), "its data key is destroyed in the store")
        self.world.add_app("another")
        old = self.world.home / "keyfob.key"
        self.world.cli_ok("keys", "rewrap", "--master-key", f"file:{self.world.home}/new.key")
        self.world.configure("keys", "master", '"file:new.key"')
        kept = old.rename(self.world.root / "old.key")
        shutil.copy(backup, self.world.database)
        restored = self.world.cli("app", "list")
        self.assertEqual(restored.code, 1, restored)
        self.assertIn("is wrapped by master key", restored.err)
        kept.rename(old)  # with the old master key it is alive: that is why it has to be destroyed, too
        self.world.configure("keys", "master", '"file:keyfob.key"')
        self.assertEqual(self.world.cli_ok("grant", "list", "--app", APP, json_out=True).json["grants"][0]["app"], APP)

    def test_a_program_may_hold_the_master_key_and_its_outage_is_not_a_wrong_key(self):
        program = self.world.root / "kms"
        program.write_text("#!/bin/sh\nset -e\nok() { [ ! -e \"$0.down\" ] || exit 7; }\nok\ncase $1 in\n"
                           "identify) echo kms:1;;\n*) while read -r a b; do [ \"$a\" = data ] && echo \"$b\"; done; true;;\nesac\n")
        program.chmod(0o755)
        self.fill(3)
        self.world.cli_ok("keys", "rewrap", "--master-key", f"exec:{program}")
        self.world.configure("keys", "master", f'"exec:{program}"')
        self.world.restart()
        self.check_all_open(3)
        down = pathlib.Path(f"{program}.down")
        down.touch()
        self.check_all_open(3)
        refused = self.world.api("POST", "/v1/keys/rotate", {"app": APP}, key=self.world.add_caller("ops", "admin", app=None))
        self.assertEqual(refused.status, 503, refused)
        self.world.daemon.stop()
        outage = self.world.cli("app", "list")
        self.assertEqual(outage.code, 1, outage)
        self.assertIn("exit code 7", outage.err)
        self.assertNotIn("wrapped by", outage.err)
        down.unlink()
        self.world.serve()
        self.check_all_open(3)

    def test_a_master_key_in_the_environment_is_not_in_proc(self):
        key = (self.world.home / "keyfob.key").read_text().strip()
        self.world.configure("keys", "master", '"env:KEYFOB_MASTER"')
        self.world.restart(environment=os.environ | {"KEYFOB_MASTER": key})
        self.fill(1)
        self.world.daemon.stop()
        self.world.serve(environment=os.environ | {"KEYFOB_MASTER": key})
        for name in ("environ", "cmdline"):
            self.assertNotIn(key.split()[1].encode(), pathlib.Path(f"/proc/{self.world.daemon.pid}/{name}").read_bytes())


if __name__ == "__main__":
    harness.main()
