"""What a stranger does with the library: installs it, builds the examples with find_package and with pkg-config, runs them."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

import harness  # noqa: E402
import pages  # noqa: E402

BUILD = pathlib.Path(os.environ.get("KEYFOB_BUILD", ROOT / "build"))
CXX = os.environ.get("CXX", "c++")


def run(*arguments, **how):
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, check=False, timeout=600, **how)
    return done.returncode, done.stdout, done.stderr


class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.room = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-library-"))
        cls.addClassCleanup(shutil.rmtree, cls.room)
        cls.prefix = cls.room / "usr"
        page = "\n".join(pages.blocks("docs/reference/library.md"))
        cls.must("bash", "-euc", re.sub(r"\bbuild (?=--)", f"{BUILD} ", page).replace("/usr/local", str(cls.prefix)))
        cls.must("cmake", "-S", ROOT / "examples", "-B", cls.room / "examples", f"-DCMAKE_PREFIX_PATH={cls.prefix}",
                 "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wconversion -Werror")
        cls.must("cmake", "--build", cls.room / "examples")

    @classmethod
    def must(cls, *arguments):
        code, out, err = run(*arguments)
        if code != 0:
            raise AssertionError(f"{' '.join(map(str, arguments))}: {out[-3000:]}{err[-3000:]}")

    def example(self, name, *arguments, environment=None):
        return run(self.room / "examples" / name, *arguments, env=os.environ | (environment or {}), cwd=self.room)

    def test_a_program_gets_a_token_from_a_running_daemon(self):
        world = harness.World()
        self.addCleanup(world.close)
        world.start()
        pair = world.import_grant("ann")
        code, out, err = self.example("01_get_token", world.daemon.origin, "ann", environment={"KEYFOB_API_KEY": world.api_key})
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"^a token of \d+ characters for \d+ vehicle\(s\) of ann, good for 1\d\d minutes\n$")
        self.assertNotIn(pair["access_token"], out)
        code, out, err = self.example("01_get_token", world.daemon.origin, "bob", environment={"KEYFOB_API_KEY": world.api_key})
        self.assertEqual((code, out), (1, ""))
        self.assertTrue(err.startswith("not_found: "), err)
        code, _, err = self.example("01_get_token", world.daemon.origin, "ann", environment={"KEYFOB_API_KEY": "kf_x_y"})
        self.assertEqual(code, 1)
        self.assertTrue(err.startswith("unauthenticated: "), err)
        nobody = f"http://127.0.0.1:{harness.free_port()}"
        code, _, err = self.example("01_get_token", nobody, "ann", environment={"KEYFOB_API_KEY": world.api_key})
        self.assertEqual(code, 1)
        self.assertTrue(err.startswith("unavailable: "), err)

    def test_the_broker_lives_inside_a_program(self):
        sim = harness.Program([harness.BIN / "smartcar-sim", "--listen", "127.0.0.1:0"], self.room / "sim.log",
                              r"listening on (http://\S+)")
        self.addCleanup(sim.kill)
        code, out, err = self.example("02_embed_broker", "kf", sim.origin)
        self.assertEqual(code, 0, err)
        self.assertEqual(out, "ann connected 2 vehicle(s)\ngeneration 2 became 3\na used state is not_found\n"
                              "after the revocation: revoked\n")
        self.assertIn("event: grant.refreshed", err)
        self.assertEqual(harness.exchange(sim.origin, "GET", "/_sim/stats").json["rotations"], 1)

    def test_the_broker_lives_on_a_store_of_the_programs_own(self):
        sim = harness.Program([harness.BIN / "smartcar-sim", "--listen", "127.0.0.1:0"], self.room / "own-sim.log",
                              r"listening on (http://\S+)")
        self.addCleanup(sim.kill)
        harness.exchange(sim.origin, "POST", "/_sim/clients", {"client_id": "my-app", "client_secret": "my-secret"})
        pair = harness.exchange(sim.origin, "POST", "/_sim/issue", {"client_id": "my-app"}).json
        secrets = {"KEYFOB_ACCESS_TOKEN": pair["access_token"], "KEYFOB_REFRESH_TOKEN": pair["refresh_token"]}
        code, out, err = self.example("03_own_store", "own", "rows.journal", sim.origin, "ann", environment=secrets)
        self.assertEqual((code, err), (0, ""), out)
        self.assertEqual(out, "generation 2\na full journal: unavailable\ngeneration 3\n"
                              "elsewhere: the same grant yes, generation 4\n")
        stats = harness.exchange(sim.origin, "GET", "/_sim/stats").json
        self.assertEqual((stats["rotations"], stats["refresh"]["second_uses"]), (3, 0))
        journal = (self.room / "rows.journal").read_bytes()
        self.assertIn(b"grants/", journal)
        for token in secrets.values():
            self.assertNotIn(token.encode(), journal, "the journal has sealed tokens only")

    def test_what_is_installed_stands_alone_and_names_no_place_of_the_build(self):
        headers = sorted((self.prefix / "include" / "keyfob").glob("*.hpp"))
        self.assertEqual(len(headers), 6)
        for header in headers:
            for name in re.findall(r'#include [<"]([^>"]+)[>"]', header.read_text()):
                allowed = name.startswith("keyfob/") or "/" not in name or name == "boost/asio/awaitable.hpp"
                self.assertTrue(allowed, f"{header.name} includes {name}")
            with self.subTest(header.name):
                flags = "-DBOOST_ASIO_SEPARATE_COMPILATION"
                code, _, err = run(CXX, "-std=c++23", flags, "-fsyntax-only", "-x", "c++", "-I", self.prefix / "include", header)
                self.assertEqual(code, 0, err)
        for text in [*self.prefix.rglob("*.cmake"), *self.prefix.rglob("*.pc")]:
            self.assertNotIn(str(ROOT), text.read_text(), text)

    def test_pkg_config_builds_the_first_example(self):
        path = next(self.prefix.rglob("keyfob.pc")).parent
        environment = os.environ | {"PKG_CONFIG_PATH": str(path)}
        code, flags, err = run("pkg-config", "--cflags", "--libs", "keyfob", env=environment)
        self.assertEqual(code, 0, err)
        code, _, err = run(CXX, ROOT / "examples/01_get_token/main.cpp", "-o", self.room / "by_pkg_config", *flags.split())
        self.assertEqual(code, 0, err)
        self.assertEqual(run(self.room / "by_pkg_config")[0], 2, "it says how it is used")


if __name__ == "__main__":
    harness.main()
