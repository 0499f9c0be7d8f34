"""A clean Debian root for installing into, made of this machine's own packages: the essential ones, and what is asked for with all
that it depends on. Nothing is fetched. It has a package database of its own, so dpkg checks dependencies against what is in it
and nothing else. Needs root, for chroot.
"""

import os
import pathlib
import re
import shutil
import subprocess

STATUS = pathlib.Path("/var/lib/dpkg/status")
INFO = pathlib.Path("/var/lib/dpkg/info")


class Packages:
    """What this machine has installed: name -> paragraph, and who provides what."""

    def __init__(self):
        self.paragraphs, self.providers = {}, {}
        for paragraph in STATUS.read_text().split("\n\n"):
            fields = dict(re.findall(r"(?m)^([A-Za-z-]+): (.*)$", paragraph))
            if fields.get("Status", "").endswith(" installed") and fields["Architecture"] in ("all", architecture()):
                name = fields["Package"]
                self.paragraphs[name] = (paragraph, fields)
                for provided in re.findall(r"[a-z0-9][a-z0-9+.-]+", fields.get("Provides", "")):
                    self.providers.setdefault(provided, name)

    def installed(self, name):
        return name if name in self.paragraphs else self.providers.get(name)

    def closure(self, wanted):
        """The essential packages, `wanted`, and everything they cannot do without."""
        todo = [n for n, (_, f) in self.paragraphs.items() if f.get("Essential") == "yes"] + list(wanted)
        found = set()
        while todo:
            name = self.installed(todo.pop())
            if name is None or name in found:
                continue
            found.add(name)
            fields = self.paragraphs[name][1]
            todo += self.wanted_by(", ".join(fields.get(key, "") for key in ("Depends", "Pre-Depends")))
        return found

    def wanted_by(self, text):
        """The first of each group of alternatives that is installed."""
        names = []
        for group in filter(None, (part.strip() for part in text.split(","))):
            options = [re.match(r"[a-z0-9][a-z0-9+.-]*", option.strip())[0] for option in group.split("|")]
            names += [name for name in options if self.installed(name)][:1]
        return names


def architecture():
    return subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()


def lists_of(name):
    for stem in (f"{name}:{architecture()}", name):
        if (INFO / f"{stem}.list").exists():
            return stem
    raise FileNotFoundError(name)


class CleanRoot:
    def __init__(self, path, wanted):
        self.path = pathlib.Path(path)
        packages = Packages()
        self.names = sorted(packages.closure(wanted))
        self.lay_out()
        self.copy_files()
        self.write_database(packages)
        self.settle()

    def lay_out(self):
        """/usr merged, as Debian 12 is."""
        for folder in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "dev", "proc", "tmp", "run", "var/lib/dpkg/info",
                       "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/log", "var/cache"):
            (self.path / folder).mkdir(parents=True, exist_ok=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.path / name).symlink_to(f"usr/{name}")
        (self.path / "tmp").chmod(0o1777)

    def copy_files(self):
        """Left out is what nobody runs: documentation, translations, and what this machine has diverted or removed."""
        names = set()
        for package in self.names:
            for line in (INFO / f"{lists_of(package)}.list").read_text().splitlines():
                if not re.match(r"/usr/share/(doc|man|info|locale)/", line) and os.path.lexists(line) and line != "/.":
                    names.add(re.sub(r"^/(bin|sbin|lib|lib64)(?=/|$)", r"/usr/\1", line))
        listing = "\0".join(name.lstrip("/") for name in sorted(names))
        packed = subprocess.Popen(["tar", "-C", "/", "--null", "--no-recursion", "-T", "-", "-cf", "-"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        unpacked = subprocess.Popen(["tar", "-C", self.path, "--keep-directory-symlink", "-xpf", "-"], stdin=packed.stdout)
        packed.stdout.close()
        packed.stdin.write(listing.encode())
        packed.stdin.close()
        if unpacked.wait() != 0 or packed.wait() not in (0, 1):
            raise RuntimeError("the files of the packages cannot be copied")

    def write_database(self, packages):
        database = self.path / "var/lib/dpkg"
        (database / "status").write_text("\n\n".join(packages.paragraphs[name][0].strip() for name in self.names) + "\n\n")
        (database / "available").write_text("")
        for package in self.names:
            for file in INFO.glob(f"{lists_of(package)}.*"):
                shutil.copy(file, database / "info" / file.name)

    def settle(self):
        """What maintainer scripts of those packages would have left."""
        for name in ("passwd", "group"):
            shutil.copy(f"/usr/share/base-passwd/{name}.master", self.path / "etc" / name)
        for name in ("awk", "nawk"):
            (self.path / "usr/bin" / name).unlink(missing_ok=True)
            (self.path / "usr/bin" / name).symlink_to("mawk")
        (self.path / "usr/bin/sh").exists() or (self.path / "usr/bin/sh").symlink_to("dash")
        if subprocess.run(["mknod", "-m", "666", self.path / "dev/null", "c", "1", "3"], capture_output=True, check=False).returncode:
            (self.path / "dev/null").touch(mode=0o666)
        random = self.path / "proc/sys/kernel/random"  # proc is not mounted: not every machine lets us
        random.mkdir(parents=True)
        shutil.copy("/proc/sys/kernel/random/boot_id", random / "boot_id")
        self.must("/sbin/ldconfig")

    def run(self, *command, user=None, cwd=None, environment=None):
        """One command in it."""
        who = [f"--userspec={user}:{user}"] if user else []
        inside = ["/usr/bin/env", "-C", cwd or "/", *map(str, command)]
        clean = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        return subprocess.run(["chroot", *who, self.path, *inside], capture_output=True, text=True, check=False,
                              env=clean | (environment or {}), stdin=subprocess.DEVNULL)

    def must(self, *command, **how):
        done = self.run(*command, **how)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout
