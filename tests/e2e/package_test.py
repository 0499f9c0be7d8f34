"""The Debian package: built, unpacked into a clean root, its parts looked at by those who will read them."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command, **how):
    return subprocess.run(command, capture_output=True, text=True, check=False, **how)


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-package-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        (cls.folder / "bin").symlink_to(harness.BIN)
        made = run(ROOT / "packaging" / "build_deb", cls.folder)
        assert made.returncode == 0, made
        cls.deb = made.stdout.strip()
        cls.root = cls.folder / "root"
        assert run("dpkg-deb", "-x", cls.deb, cls.root).returncode == 0

    def test_its_version_is_the_programs(self):
        version = run("dpkg-deb", "-f", self.deb, "Version").stdout.strip()
        self.assertEqual(run(self.root / "usr/bin/keyfob", "version").stdout.strip(), f"keyfob {version}")

    def test_programs_pages_completion_unit_and_example_are_in_it(self):
        for name in ("usr/bin/keyfob", "usr/bin/smartcar-sim", "usr/share/man/man1/keyfob.1.gz",
                     "usr/share/bash-completion/completions/keyfob", "usr/lib/systemd/system/keyfob.service",
                     "usr/lib/systemd/system/keyfob.socket", "usr/lib/sysusers.d/keyfob.conf",
                     "etc/keyfob/keyfob.toml.example"):
            self.assertTrue((self.root / name).is_file(), name)

    def test_the_example_is_a_configuration_that_the_program_takes(self):
        done = run(self.root / "usr/bin/keyfob", "--config", self.root / "etc/keyfob/keyfob.toml.example", "provider", "list")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_scripts_are_sound_and_a_purge_keeps_what_opens_cars(self):
        for script in ("postinst", "prerm", "postrm"):
            self.assertEqual(run("sh", "-n", ROOT / "packaging" / "debian" / script).returncode, 0, script)
        self.assertNotIn("rm -r", (ROOT / "packaging/debian/postrm").read_text())

    def test_systemd_accepts_the_units(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed")
        done = run("systemd-analyze", "verify", f"--root={self.root}", "keyfob.service", "keyfob.socket")
        # The root holds nothing but the package: no target of systemd's own, no /bin/kill.
        of_the_root = ("sysinit.target not found", "/bin/kill is not executable")
        ours = [line for line in done.stderr.splitlines() if not any(word in line for word in of_the_root)]
        self.assertEqual(ours, [], done)

    def test_the_manifests_are_yaml_with_a_kind_each(self):
        try:
            import yaml
        except ImportError:
            self.skipTest("python3-yaml is not installed")
        for file in (ROOT / "packaging" / "kubernetes").glob("*.yaml"):
            for document in yaml.safe_load_all(file.read_text()):
                self.assertTrue(document["kind"] and document["metadata"]["name"], file)


if __name__ == "__main__":
    harness.main()
