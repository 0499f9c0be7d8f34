"""A database that forgets commits which it had acknowledged (an asynchronous standby was promoted): with
refresh.spool = "always" the node that received the pairs commits them again. The provider is strict, so that nothing
but the spool can save a grant."""

import shutil

import harness
from harness import eventually

GRANTS = 5


class Forgotten(harness.Case):
    sim_options = ("--rotation", "strict")
    config = {("providers.smartcar", "reuse_window"): '"0s"', ("providers.smartcar", "late_reuse"): "false",
              ("refresh", "spool"): '"always"'}

    def files(self):
        return sorted(self.world.database.parent.glob(self.world.database.name + "*"))

    def remember(self):
        """What the standby has received."""
        self.world.daemon.stop()
        self.standby = self.world.database.parent / "standby"
        self.standby.mkdir()
        for file in self.files():
            shutil.copy2(file, self.standby)
        self.world.serve()

    def fall_back(self):
        self.world.daemon.kill()
        for file in self.files():
            file.unlink()
        for file in self.standby.iterdir():
            shutil.copy2(file, self.world.database.parent)

    def refresh_all(self):
        for pair in self.pairs:
            self.assert_answer(self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh"), 200)

    def spooled(self):
        return self.world.cli_ok("status", json_out=True).json["spooled"]

    def setUp(self):
        super().setUp()
        self.pairs = [self.world.import_grant(f"user-{i}") for i in range(GRANTS)]
        self.remember()

    def check_all(self, generation):
        for i, pair in enumerate(self.pairs):
            eventually(lambda: self.world.grant(pair["grant"])["generation"] == generation, "committed again")
            self.assertTrue(self.sim.inspect(self.token_of(f"user=user-{i}"))["live"])
        self.refresh_all()
        stats = self.sim.stats()
        self.assertEqual((stats["late_uses"], stats["refresh"]["refused"]), (0, {}))

    def test_one_commit_of_each_grant_is_made_again(self):
        self.refresh_all()
        self.fall_back()
        self.world.serve()
        self.check_all(2)
        self.assertEqual(self.sim.rotations(), 2 * GRANTS)

    def test_several_commits_of_each_grant_are_made_again(self):
        for _ in range(3):
            self.refresh_all()
        self.fall_back()
        self.world.serve()
        self.check_all(4)
        self.assertEqual(self.sim.rotations(), 4 * GRANTS)

    def test_without_it_the_same_failover_costs_every_grant(self):
        self.world.configure("refresh", "spool", '"on_failure"')
        self.world.restart()
        self.refresh_all()
        self.fall_back()
        self.world.serve()
        for pair in self.pairs:
            self.assertNotEqual(self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh").status, 200)

    def test_a_pair_that_the_store_has_is_not_shown_as_waiting(self):
        self.refresh_all()
        self.assertEqual(self.spooled(), 0)
        self.assertNotIn("always", self.world.daemon.text())


if __name__ == "__main__":
    harness.main()
