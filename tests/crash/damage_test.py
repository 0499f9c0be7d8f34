#!/usr/bin/env python3
"""A damaged page of the database, a corrupted record of the spool: said at the start with what to do, never replaced, and
everybody else is served."""

import contextlib
import os
import sqlite3
import unittest

import fleet
import harness
import steps
from harness import eventually

PAGE = 4096
HEADER, CELL = 4096, 24576  # docs/spec/spool.md


class Page(unittest.TestCase):
    GRANTS = 120

    def setUp(self):
        self.fleet = fleet.Fleet(self.GRANTS, 3)
        self.addCleanup(self.fleet.close)
        self.world = self.fleet.world
        self.fleet.daemon.stop()  # everything is in the one file now
        self.whole = self.world.database.read_bytes()
        with contextlib.closing(sqlite3.connect(f"file:{self.world.database}?mode=ro", uri=True)) as database:
            self.roots = dict(database.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0"))

    def page_of(self, user):
        """The page (from 1) that holds this user's sealed refresh token."""
        (sealed,), = self.world.sql("SELECT refresh_sealed FROM grants WHERE user_id = ?", user)
        return self.world.database.read_bytes().find(sealed) // PAGE + 1

    def damage(self, page, content):
        data = bytearray(self.whole)
        data[(page - 1) * PAGE:page * PAGE] = content
        for leftover in ("keyfob.db-wal", "keyfob.db-shm"):
            self.world.database.with_name(leftover).unlink(missing_ok=True)
        self.world.database.write_bytes(data)

    def mend(self):
        self.fleet.daemon.stop()
        self.damage(1, self.whole[:PAGE])
        self.fleet.serve()
        self.assertEqual(self.fleet.lacking(), [])
        self.fleet.check_refreshable()

    def said(self):
        return eventually(lambda: [line for line in self.fleet.daemon.text().splitlines() if " error " in line],
                          "the damage is in the log")

    def test_of_some_grants_leaves_the_others_served(self):
        for name, content in (("zeros", b"\0" * PAGE), ("noise", os.urandom(PAGE))):
            with self.subTest(name):
                page = self.page_of("user-60")
                self.damage(page, content)
                self.fleet.serve()
                line = self.said()[0]
                for words in ("keyfob.db is damaged", "Nothing was changed", "keep a copy", "restore a backup"):
                    self.assertIn(words, line)
                lacking = self.fleet.lacking()
                self.assertIn(("user-60", 500, "record_damaged"), lacking)
                self.assertEqual({(status, code) for _, status, code in lacking}, {(500, "record_damaged")})
                self.assertLess(len(lacking), 20)
                self.assertEqual(self.world.api("GET", "/readyz").status, 200)
                self.fleet.daemon.stop()
                self.assertEqual(self.world.database.read_bytes()[(page - 1) * PAGE:page * PAGE], content)
                self.fleet.serve()
                self.mend()
                self.whole = self.checkpointed()

    def checkpointed(self):
        self.fleet.daemon.stop()
        return self.world.database.read_bytes()

    def test_refreshing_beside_it_loses_nothing(self):
        """What could not be stored was not sent, or is kept in the spool."""
        self.damage(self.page_of("user-60"), b"\0" * PAGE)
        self.fleet.serve()
        damaged = {user for user, _, _ in self.fleet.lacking()}
        self.fleet.refresh_all()
        codes = self.fleet.answered()
        self.assertLess(codes.count(500), 60)
        self.assertEqual(set(codes), {200, 500})
        self.assertEqual({user for user, _, _ in self.fleet.lacking()}, damaged, "the others have the provider's newest")
        self.fleet.kill()
        self.fleet.serve()
        self.assertEqual({user for user, _, _ in self.fleet.lacking()}, damaged)
        self.fleet.check_statistics()

    def test_of_what_everything_needs_stops_the_start(self):
        for name, page in (("the header", 1), ("applications", self.roots["applications"])):
            with self.subTest(name):
                self.damage(page, os.urandom(PAGE))
                before = self.world.database.read_bytes()
                done = self.world.cli("serve")
                self.assertEqual(done.code, 1, done)
                self.assertRegex(done.err, "(malformed|not a database).*\nhint: .*restore a backup")
                self.assertEqual(self.world.database.read_bytes(), before, "left as it is")
        self.damage(1, self.whole[:PAGE])
        self.fleet.serve()
        self.fleet.check_refreshable()


class Spool(unittest.TestCase):
    def spooled_and_killed(self, strict):
        """Every grant's pair is in the spool and nowhere else; one of them rots. That grant's user."""
        self.fleet = fleet.Fleet(6, 7, strict=strict)
        self.addCleanup(self.fleet.close)
        while self.fleet.world.database.with_name("keyfob.db-wal").stat().st_size < 65536:
            self.fleet.check_refreshable()
        self.fleet.hold()
        steps.fill_disk(self.fleet)
        self.fleet.let_go()
        eventually(self.fleet.lacking_none, "every grant is served with what the provider answered")
        self.fleet.kill()
        self.file = self.fleet.world.home / "state" / "spool" / "spool"
        self.rot()

    def rot(self):
        data = bytearray(self.file.read_bytes())
        cells = self.fleet.spooled()
        self.assertEqual(len(cells), 6)
        self.at = HEADER + cells[2] * CELL
        data[self.at + 60] ^= 1
        self.file.write_bytes(data)
        self.rotten = bytes(data[self.at:self.at + CELL])

    def check_said_and_left(self):
        line, = [line for line in self.fleet.daemon.text().splitlines() if " error " in line]
        for words in ("1 place is damaged in the spool", "cell 2", "Keep a copy of the file"):
            self.assertIn(words, line)
        self.assertEqual(self.file.read_bytes()[self.at:self.at + CELL], self.rotten, "left as it is")

    def test_a_rotten_record_costs_nothing_inside_the_window(self):
        self.spooled_and_killed(strict=False)
        self.fleet.serve()
        self.fleet.check()
        self.check_said_and_left()
        self.fleet.check_refreshable()

    def test_at_a_strict_provider_only_its_own_grant_is_affected(self):
        self.spooled_and_killed(strict=True)
        self.fleet.serve()
        eventually(lambda: self.fleet.attempts() == 1, "the five others are stored")
        self.check_said_and_left()
        self.assertEqual(len(self.fleet.lacking()), 1)


if __name__ == "__main__":
    harness.main()
