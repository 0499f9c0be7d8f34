"""Damaged records answer 500 record_damaged and stay as they are; damaged or missing keys stop the program."""

import os
import shutil

import harness


class Damaged(harness.Case):
    """Each test changes the database behind Keyfob's back, while it is down."""

    def setUp(self):
        super().setUp()
        self.ann = self.world.import_grant("ann")
        self.bob = self.world.import_grant("bob")
        self.eve = self.world.import_grant("eve")

    def damage(self, *statements):
        self.world.daemon.stop()
        for statement, *parameters in statements:
            self.world.sql(statement, *parameters)
        self.row = self.row_of(self.ann)
        self.world.serve()

    def row_of(self, pair):
        return self.world.sql("SELECT * FROM grants WHERE grant_id = ?", pair["grant"])

    def blob(self, column, pair):
        return self.world.sql(f"SELECT {column} FROM grants WHERE grant_id = ?", pair["grant"])[0][0]

    def check_reading(self):
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 500, "record_damaged")
        self.assert_answer(self.world.api("GET", f"/v2.0/vehicles/{self.ann['vehicle']}"), 500, "record_damaged")
        self.check_rest()

    def check_refreshing(self):
        answer = self.world.api("POST", f"/v1/grants/{self.ann['grant']}/refresh")
        self.assert_answer(answer, 500, "record_damaged")
        self.check_rest()

    def check_rest(self):
        """The others are served, the row is what it was, and nothing went to the provider."""
        self.assertEqual(self.token_of("user=eve"), self.eve["access_token"])
        self.assertEqual(self.row_of(self.ann), self.row)
        self.assertEqual(self.sim.stats()["refresh"]["requests"], 0)
        status = self.world.cli("status")
        self.assertEqual(status.code, 0, status)

    def flip(self, column, position=None):
        data = bytearray(self.blob(column, self.ann))
        data[len(data) // 2 if position is None else position] ^= 1
        return (f"UPDATE grants SET {column} = ? WHERE grant_id = ?", bytes(data), self.ann["grant"])

    def swap(self, column):
        a, b = self.blob(column, self.ann), self.blob(column, self.bob)
        change = f"UPDATE grants SET {column} = ? WHERE grant_id = ?"
        return (change, b, self.ann["grant"]), (change, a, self.bob["grant"])

    def test_a_flipped_bit_in_the_access_token(self):
        for position in (0, None, -1):
            with self.subTest(position=position):
                whole = self.blob("access_sealed", self.ann)
                self.damage(self.flip("access_sealed", position))
                self.check_reading()
                self.world.daemon.stop()
                self.world.sql("UPDATE grants SET access_sealed = ? WHERE grant_id = ?", whole, self.ann["grant"])
                self.world.serve()
                self.assertEqual(self.token_of("user=ann"), self.ann["access_token"])  # mended: nothing was lost

    def test_a_flipped_bit_in_the_refresh_token(self):
        self.damage(self.flip("refresh_sealed"))
        self.check_refreshing()

    def test_a_flipped_bit_in_the_association(self):
        self.damage(self.flip("association_mac"))
        self.check_reading()
        self.check_refreshing()

    def test_truncated_blobs(self):
        cut = "UPDATE grants SET {0} = substr({0}, 1, {1}) WHERE grant_id = ?"
        for column, length in (("access_sealed", 20), ("access_sealed", 0), ("association_mac", 8)):
            with self.subTest(column=column, length=length):
                whole = self.blob(column, self.ann)
                self.damage((cut.format(column, length), self.ann["grant"]))
                self.check_reading()
                self.world.daemon.stop()
                self.world.sql(f"UPDATE grants SET {column} = ? WHERE grant_id = ?", whole, self.ann["grant"])
                self.world.serve()

    def test_a_truncated_refresh_token(self):
        self.damage(("UPDATE grants SET refresh_sealed = substr(refresh_sealed, 1, 30) WHERE grant_id = ?",
                     self.ann["grant"]))
        self.check_refreshing()

    def test_access_tokens_swapped_between_two_users(self):
        self.damage(*self.swap("access_sealed"))
        self.check_reading()
        self.assert_answer(self.world.api("GET", "/v1/token?user=bob"), 500, "record_damaged")

    def test_refresh_tokens_swapped_between_two_users(self):
        self.damage(*self.swap("refresh_sealed"))
        self.check_refreshing()

    def test_access_and_refresh_token_of_one_grant_exchanged(self):
        self.damage(("UPDATE grants SET access_sealed = refresh_sealed, refresh_sealed = access_sealed "
                     "WHERE grant_id = ?", self.ann["grant"]))
        self.check_reading()
        self.check_refreshing()

    def test_all_blobs_of_somebody_else(self):
        self.damage(("UPDATE grants SET (access_sealed, refresh_sealed, association_mac) = (SELECT access_sealed, "
                     "refresh_sealed, association_mac FROM grants WHERE grant_id = ?) WHERE grant_id = ?",
                     self.bob["grant"], self.ann["grant"]))
        self.check_reading()
        self.check_refreshing()

    def test_a_column_rolled_back_to_an_earlier_generation(self):
        old = self.blob("access_sealed", self.ann), self.blob("refresh_sealed", self.ann)
        self.assertEqual(self.world.api("POST", f"/v1/grants/{self.ann['grant']}/refresh").status, 200)
        self.damage(("UPDATE grants SET access_sealed = ?, refresh_sealed = ? WHERE grant_id = ?", *old,
                     self.ann["grant"]))
        self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 500, "record_damaged")
        self.assert_answer(self.world.api("POST", f"/v1/grants/{self.ann['grant']}/refresh"), 500, "record_damaged")
        self.assertEqual(self.sim.rotations(), 1)

    def test_a_vehicle_re_pointed_to_another_user_s_grant(self):
        self.damage(("UPDATE grant_keys SET number = (SELECT number FROM grants WHERE grant_id = ?) WHERE key IN "
                     "(SELECT grant_key('vehicle', app_id, ?) FROM grants)", self.ann["grant"], self.bob["vehicle"]))
        answer = self.world.api("GET", f"/v1/token?vehicle={self.bob['vehicle']}")
        self.assert_answer(answer, 500, "record_damaged")
        answer = self.world.api("GET", f"/v2.0/vehicles/{self.bob['vehicle']}")
        self.assert_answer(answer, 500, "record_damaged")
        self.check_rest()

    def test_a_vehicle_written_into_another_user_s_grant(self):
        vehicle = self.bob["vehicle"]
        self.damage(("DELETE FROM grant_keys WHERE key IN (SELECT grant_key('vehicle', app_id, ?) FROM grants)", vehicle),
                    ("INSERT INTO grant_keys SELECT grant_key('vehicle', app_id, ?), number FROM grants "
                     "WHERE grant_id = ?", vehicle, self.ann["grant"]),
                    ("UPDATE grants SET vehicles = ? WHERE grant_id = ?", f"{len(vehicle)}:{vehicle}", self.ann["grant"]))
        self.assert_answer(self.world.api("GET", f"/v1/token?vehicle={vehicle}"), 500, "record_damaged")
        self.check_refreshing()

    def test_a_grant_given_to_another_user(self):
        self.damage(("UPDATE grants SET user_id = 'mallory' WHERE grant_id = ?", self.ann["grant"]))
        self.assertEqual(self.token_of("user=ann"), self.ann["access_token"], "whose it is by its MAC")
        self.assert_answer(self.world.api("GET", "/v1/token?user=mallory"), 404, "unknown_grant")
        self.damage(("INSERT INTO grant_keys SELECT grant_key('user', app_id, 'mallory'), number FROM grants "
                     "WHERE grant_id = ?", self.ann["grant"]))
        self.assert_answer(self.world.api("GET", "/v1/token?user=mallory"), 500, "record_damaged")
        self.check_refreshing()

    def test_a_generation_or_epoch_changed(self):
        for column in ("generation", "epoch"):
            with self.subTest(column):
                self.damage((f"UPDATE grants SET {column} = {column} + 1 WHERE grant_id = ?", self.ann["grant"]))
                self.check_reading()
                self.check_refreshing()
                self.world.daemon.stop()
                self.world.sql(f"UPDATE grants SET {column} = {column} - 1 WHERE grant_id = ?", self.ann["grant"])
                self.world.serve()


class Keys(harness.Case):
    start = False

    def setUp(self):
        super().setUp()
        self.world.start()
        self.pair = self.world.import_grant("ann")
        self.world.daemon.stop()
        self.key = self.world.home / "keyfob.key"

    def refused(self, code=None):
        done = self.world.cli("serve")
        self.assertNotEqual(done.code, 0)
        if code is not None:
            self.assertEqual(done.code, code, done)
        lines = done.err.strip().splitlines()
        self.assertEqual(len(lines), 2, done)
        self.assertTrue(lines[1].startswith("hint: "), done)
        return done.err

    def check_well_again(self):
        self.world.serve()
        self.assertEqual(self.token_of("user=ann"), self.pair["access_token"])

    def test_a_missing_key_is_never_made_anew_over_existing_data(self):
        aside = self.world.root / "aside.key"
        shutil.move(self.key, aside)
        self.assertIn("keyfob.key", self.refused())
        self.assertFalse(self.key.exists())
        self.assertNotEqual(self.world.cli("init", "--dir", self.world.home).code, 0)
        self.assertFalse(self.key.exists())
        shutil.move(aside, self.key)
        self.check_well_again()

    def test_another_installation_s_key_is_refused(self):
        other = self.world.root / "other"
        self.world.cli_ok("init", "--dir", other)
        own = self.key.read_bytes()
        self.key.write_bytes((other / "keyfob.key").read_bytes())
        self.assertIn("key", self.refused())
        self.key.write_bytes(own)
        self.check_well_again()

    def test_a_damaged_key_file_is_refused(self):
        own = self.key.read_bytes()
        for content in (b"", own[:-5], b"\0" * len(own), os.urandom(len(own))):
            self.key.write_bytes(content)
            self.refused()
        self.key.write_bytes(own)
        self.check_well_again()

    def test_an_unsafe_mode_is_refused_with_the_command_that_mends_it(self):
        for mode in (0o644, 0o640, 0o604, 0o660):
            self.key.chmod(mode)
            words = self.refused(code=4)
            self.assertIn(f"chmod 600 {self.key}", words)
        self.key.chmod(0o600)
        self.check_well_again()

    def test_a_damaged_wrapped_data_key_is_reported_and_left(self):
        wrapped = self.world.sql("SELECT rowid, wrapped FROM data_keys ORDER BY rowid")
        self.assertTrue(wrapped)
        for row, blob in wrapped:
            self.world.sql("UPDATE data_keys SET wrapped = ? WHERE rowid = ?", blob[:-1] + bytes([blob[-1] ^ 1]), row)
        damaged = self.world.sql("SELECT * FROM data_keys")
        self.check_damaged_keys(damaged)
        for row, blob in wrapped:
            self.world.sql("UPDATE data_keys SET wrapped = ? WHERE rowid = ?", blob, row)
        self.check_well_again()

    def check_damaged_keys(self, damaged):
        """Either it refuses to start, or it starts and answers record_damaged; it never makes another key."""
        try:
            self.world.serve()
        except AssertionError as refusal:
            self.assertIn("ended with", str(refusal))
        else:
            self.assert_answer(self.world.api("GET", "/v1/token?user=ann"), 500, "record_damaged")
            self.world.daemon.stop()
        self.assertEqual(self.world.sql("SELECT * FROM data_keys"), damaged)


if __name__ == "__main__":
    harness.main()
