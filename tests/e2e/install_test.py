"""The package installed for real, into a clean root, by dpkg with its maintainer scripts; what is in it run there; removed and purged.
And the steps of the Containerfile, carried out in another clean root: no builder of containers is needed for that.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import clean_root
import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command, **how):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **how)


def need_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("only root may chroot")


class InRoot(unittest.TestCase):
    """One package and one root for all tests of a class."""

    extra = ()

    @classmethod
    def setUpClass(cls):
        need_root()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.folder.chmod(0o755)
        (cls.folder / "bin").symlink_to(harness.BIN)
        made = run(ROOT / "packaging" / "build_deb", cls.folder)
        assert made.returncode == 0, made
        cls.deb = pathlib.Path(made.stdout.strip())
        cls.version = run("dpkg-deb", "-f", cls.deb, "Version").stdout.strip()
        packages = clean_root.Packages()
        wanted = packages.wanted_by(run("dpkg-deb", "-f", cls.deb, "Depends").stdout)
        cls.root = clean_root.CleanRoot(cls.folder / "root", [*wanted, *cls.extra])

    def serve(self, *command, ready, cwd="/var/lib/keyfob"):
        """A server in the root, as the user of the package."""
        arguments = ["chroot", "--userspec=keyfob:keyfob", self.root.path, "/usr/bin/env", "-C", cwd, *command]
        program = harness.Program(arguments, self.folder / "log", ready)
        self.addCleanup(lambda: program.running() and program.kill())
        return program

    def assert_serves(self, config, *arguments, cwd="/var/lib/keyfob"):
        """The configuration is served, with the simulator of the same package as its provider."""
        sim = self.serve("smartcar-sim", "--listen", "127.0.0.1:0", ready=r"listening on (http://\S+)")
        file = self.root.path / config.lstrip("/")
        text = re.sub(r"(?m)^listen = .*$", 'listen = ["127.0.0.1:0"]', file.read_text())
        file.write_text(text + f'\n[providers.smartcar]\nall_origins = "{sim.origin}"\n')
        daemon = self.serve(*arguments, ready=r"keyfob listening on (http://\S+)", cwd=cwd)
        self.assertEqual(harness.exchange(daemon.origin, "GET", "/readyz").status, 200)
        # The command line goes through the daemon's admin socket.
        status = self.root.must("keyfob", "--json", "--config", config, "status", user="keyfob")
        self.assertTrue(json.loads(status)["ready"])
        self.assertEqual(daemon.stop(), 0)


class Installed(InRoot):
    def test_from_nothing_to_a_server_and_back_to_nothing(self):
        """One life, in order: each step needs the one before."""
        self.install()
        self.is_what_was_promised()
        self.pages_are_pages()
        self.completion_completes()
        self.the_units_are_sound()
        self.it_serves()
        self.an_upgrade_keeps_what_is_there()
        self.removing_it_keeps_what_opens_cars()

    def dpkg(self, *arguments):
        done = run("dpkg", f"--root={self.root.path}", *arguments, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def state(self):
        return run("dpkg-query", f"--root={self.root.path}", "-W", "-f=${db:Status-Abbrev}", "keyfob").stdout.strip()

    def entry(self, path):
        return run("chroot", self.root.path, "stat", "-c", "%A %U %G", path).stdout.strip()

    def install(self):
        said = self.dpkg("-i", self.deb)
        self.assertIn("keyfob.toml.example", said, "it says where the first steps are")
        self.assertEqual(self.state(), "ii")

    def is_what_was_promised(self):
        self.assertEqual(self.root.must("keyfob", "version").strip(), f"keyfob {self.version}")
        self.assertIn("usage", self.root.must("smartcar-sim", "--help").lower())
        self.assertEqual(self.entry("/var/lib/keyfob"), "drwx------ keyfob keyfob")
        self.assertEqual(self.entry("/etc/keyfob"), "drwxr-x--- root keyfob")
        account = self.root.must("getent", "passwd", "keyfob").strip().split(":")
        self.assertEqual(account[5:], ["/var/lib/keyfob", "/usr/sbin/nologin"])
        ours = [line for line in self.dpkg("-L", "keyfob").splitlines() if (self.root.path / line[1:]).is_file()]
        self.assertGreater(len(ours), 20)
        for name in ours:
            self.assertEqual((self.root.path / name[1:]).stat().st_mode & 0o022, 0, name)
        self.assertEqual(run("dpkg", f"--root={self.root.path}", "--verify", "keyfob").stdout, "")

    def pages_are_pages(self):
        pages = sorted((self.root.path / "usr/share/man/man1").glob("keyfob*.1.gz"))
        self.assertGreater(len(pages), 30)
        for page in pages:
            done = run("man", "--warnings", "-E", "UTF-8", "-l", "-P", "cat", page, env=os.environ | {"MANWIDTH": "100"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), page.name)
            self.assertIn("NAME", done.stdout, page.name)

    def completion_completes(self):
        file = self.root.path / "usr/share/bash-completion/completions/keyfob"
        script = f'source {file}; COMP_WORDS=(keyfob doc); COMP_CWORD=1; COMP_LINE="keyfob doc"; COMP_POINT=10; ' \
                 '$(complete -p keyfob | sed "s/.*-F \\([^ ]*\\).*/\\1/") keyfob doc keyfob; echo "${COMPREPLY[@]}"'
        environment = {"PATH": f"{self.root.path}/usr/bin:{os.environ['PATH']}"}
        self.assertIn("doctor", run("bash", "-c", script, env=environment).stdout)
        for name in ("usr/share/zsh/vendor-completions/_keyfob", "usr/share/fish/vendor_completions.d/keyfob.fish"):
            self.assertIn("doctor", (self.root.path / name).read_text(), name)

    def the_units_are_sound(self):
        done = run("systemd-analyze", "verify", f"--root={self.root.path}", "keyfob.service", "keyfob.socket")
        # The root has no systemd and so none of its targets, and no procps.
        of_the_root = ("sysinit.target not found", "/bin/kill is not executable")
        ours = [line for line in done.stderr.splitlines() if not any(word in line for word in of_the_root)]
        self.assertEqual(ours, [], done)
        rated = run("systemd-analyze", "security", "--offline=true", f"--root={self.root.path}", "keyfob.service")
        level = re.search(r"exposure level for keyfob.service: (\d+\.\d)", rated.stdout)
        self.assertLessEqual(float(level[1]), 2.0, rated)

    def it_serves(self):
        """The first steps of the example configuration."""
        self.root.must("keyfob", "init", "--dir", "/var/lib/keyfob/kf", user="keyfob")
        self.assert_serves("/var/lib/keyfob/kf/keyfob.toml", "keyfob", "--config", "/var/lib/keyfob/kf/keyfob.toml", "serve")

    def an_upgrade_keeps_what_is_there(self):
        example = self.root.path / "etc/keyfob/keyfob.toml.example"
        example.write_text("# changed by the administrator\n")
        store = (self.root.path / "var/lib/keyfob/kf/keyfob.db").read_bytes()
        self.dpkg("--force-confold", "-i", self.deb)
        self.assertEqual(example.read_text(), "# changed by the administrator\n")
        self.assertEqual((self.root.path / "var/lib/keyfob/kf/keyfob.db").read_bytes(), store)
        self.assertEqual(self.entry("/var/lib/keyfob"), "drwx------ keyfob keyfob")

    def removing_it_keeps_what_opens_cars(self):
        self.dpkg("-r", "keyfob")
        self.assertFalse((self.root.path / "usr/bin/keyfob").exists())
        said = self.dpkg("-P", "keyfob")
        self.assertIn("/var/lib/keyfob", said, "it says what stays")
        self.assertTrue((self.root.path / "var/lib/keyfob/kf/keyfob.key").exists())
        self.assertFalse((self.root.path / "etc/keyfob").exists())


class Container(InRoot):
    """The last stage of packaging/Containerfile, step by step. The first one compiles, which `make package` has done."""

    extra = ("apt", "debian-archive-keyring", "ca-certificates")

    def steps(self):
        """[(word, rest)] of the last stage."""
        text = re.sub(r"\\\n", " ", (ROOT / "packaging" / "Containerfile").read_text())
        lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
        begin = max(i for i, step in enumerate(lines) if step[0] == "FROM")
        return lines[begin + 1:]

    def fetched_before(self):
        """What apt on this machine knows and how it reaches its mirror; nothing is downloaded that is here already."""
        for name in ("etc/apt/sources.list", "etc/apt/sources.list.d", "etc/apt/apt.conf.d", "etc/apt/auth.conf.d", "etc/apt/auth.conf",
                     "etc/resolv.conf", "etc/hosts", "etc/ssl/certs"):
            there = pathlib.Path("/") / name
            if there.is_dir():
                shutil.copytree(there, self.root.path / name, dirs_exist_ok=True, symlinks=True)
            elif there.exists():
                (self.root.path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(there, self.root.path / name)
        self.root.must("sh", "-c", "mkdir -p /var/lib/apt/lists/partial /var/cache/apt/archives/partial")

    def test_its_steps_make_a_server(self):
        self.fetched_before()
        proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
        if self.root.run("apt-get", "-o", "Acquire::Retries=1", "update", environment=proxies).returncode != 0:
            self.skipTest("apt-get update does not reach its mirror from a clean root on this machine")
        user, cwd, command = None, "/", []
        for word, rest in self.steps():
            if word == "COPY":
                self.assertEqual(rest.split(), ["--from=build", "/src/build/package/keyfob_*.deb", "/tmp/"])
                shutil.copy(self.deb, self.root.path / "tmp")
            elif word == "RUN":
                self.root.must("sh", "-c", rest, environment=proxies | {"DEBIAN_FRONTEND": "noninteractive"})
            elif word == "USER":
                user = rest
            elif word == "WORKDIR":
                cwd = rest
            elif word in ("ENTRYPOINT", "CMD"):
                command += json.loads(rest)
            else:
                self.assertIn(word, ("VOLUME", "EXPOSE", "STOPSIGNAL"))
        self.assertEqual((user, cwd, command), ("keyfob", "/var/lib/keyfob", ["/usr/bin/keyfob", "serve"]))
        self.assertEqual(list((self.root.path / "tmp").iterdir()), [], "the package itself does not stay in the image")
        # What a user of the image runs first: `... init --dir .` on the volume, and then the image as it is.
        self.root.must("/usr/bin/keyfob", "init", "--dir", ".", user=user, cwd=cwd)
        self.assert_serves("/var/lib/keyfob/keyfob.toml", *command, cwd=cwd)


if __name__ == "__main__":
    harness.main()
