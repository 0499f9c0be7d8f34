"""What the tests of many nodes share: a PostgreSQL of their own, a PgBouncer, a TCP proxy that can be cut, and nodes.

PostgreSQL refuses to run as root; it and PgBouncer then run as postgres or nobody. Everything is in one temporary
directory, on loopback, and ends with the test, also when that is killed.
"""

import contextlib
import ctypes
import grp
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import harness
from harness import eventually, free_port

PR_SET_PDEATHSIG = 1


def programs():
    """Debian keeps the servers of all versions apart and off the PATH."""
    if "KEYFOB_POSTGRES_BIN" in os.environ:
        return pathlib.Path(os.environ["KEYFOB_POSTGRES_BIN"])
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise AssertionError("there is no PostgreSQL in /usr/lib/postgresql; `make deps` installs it")
    return found[-1].parent


def server_user():
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("root needs a user postgres or nobody to run the server")


def lowered():
    """For preexec_fn: the server's user, and an end with its parent."""
    user = server_user()
    libc = ctypes.CDLL(None)

    def apply():
        if user is not None:
            os.setgroups([g.gr_gid for g in grp.getgrall() if user.pw_name in g.gr_mem])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
    return apply


def owned(path):
    user = server_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)
    return path


class Server:
    """One PostgreSQL. `settings` are more lines for postgresql.conf; durable unless they say otherwise."""

    def __init__(self, root, name="primary", settings=(), copy_of=None):
        self.home = owned(pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=root)))
        self.data, self.name, self.port = self.home / "data", name, free_port()
        self.process = None
        if copy_of is None:
            self.make(settings)
        else:
            self.copy(copy_of, settings)
        self.start()

    def run(self, *command):
        done = subprocess.run([str(c) for c in command], cwd=self.home, capture_output=True, text=True, check=False,
                              preexec_fn=lowered())
        if done.returncode != 0:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def make(self, settings):
        self.run(programs() / "initdb", "-D", self.data, "-U", "keyfob", "--auth=trust", "--no-sync", "-E", "UTF8",
                 "--locale=C", "--no-instructions")
        self.add_settings("max_connections = 100", "shared_buffers = 64MB", "wal_level = replica",
                          "max_wal_senders = 8", "wal_keep_size = 64MB", *settings)
        with open(self.data / "pg_hba.conf", "a", encoding="utf-8") as hba:
            hba.write("host replication keyfob 127.0.0.1/32 trust\n")

    def copy(self, other, settings):
        """A standby by pg_basebackup."""
        self.run(programs() / "pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "-d",
                 f"postgresql://keyfob@127.0.0.1:{other.port}/?application_name={self.name}")
        self.add_settings(*settings)

    def add_settings(self, *lines):
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.writelines(f"{line}\n" for line in (f"port = {self.port}", "listen_addresses = '127.0.0.1'",
                                                     f"unix_socket_directories = '{self.home}'", *lines))

    def start(self):
        with open(self.home / "log", "ab") as log:
            self.process = subprocess.Popen([programs() / "postgres", "-D", self.data], stdout=log, stderr=log,
                                            cwd=self.home, preexec_fn=lowered())
        eventually(self.ready, f"{self.name} is ready, see {self.home / 'log'}")

    def ready(self):
        with contextlib.suppress(FileNotFoundError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return len(lines) > 7 and lines[7].startswith(("ready", "standby"))
        return False

    def end(self, how):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(harness.PATIENCE)

    def stop(self):
        self.end(signal.SIGINT)

    def crash(self):
        """What a machine does that loses its power: nobody says good-bye."""
        self.end(signal.SIGQUIT)

    def promote(self):
        self.run(programs() / "pg_ctl", "-D", self.data, "-W", "promote")

    def url(self, more="", database="postgres"):
        return f"postgresql://keyfob@127.0.0.1:{self.port}/{database}{more}"

    def sql(self, statement, database="postgres"):
        done = subprocess.run([programs() / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                               self.url(database=database), "-c", statement], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise AssertionError(f"{statement}: {done.stderr}")
        return done.stdout.strip()


class PgBouncer:
    """In transaction mode, before one server. It is ended and started again by restart()."""

    def __init__(self, root, server):
        self.home = owned(pathlib.Path(tempfile.mkdtemp(prefix="pgbouncer-", dir=root)))
        self.port = free_port()
        (self.home / "users").write_text('"keyfob" ""\n')
        self.process = None
        self.configure(server)
        for name in ("users", "ini"):
            owned(self.home / name)
        self.start()

    def configure(self, server):
        (self.home / "ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {self.home}/users\n"
            f"pool_mode = transaction\nmax_client_conn = 200\ndefault_pool_size = 8\nlogfile = {self.home}/log\n"
            "server_login_retry = 1\n")

    def point_at(self, server):
        """What an operator's failover does to a pooler."""
        self.configure(server)
        self.process.send_signal(signal.SIGHUP)

    def start(self):
        program = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")
        self.process = subprocess.Popen([program, "-q", self.home / "ini"], cwd=self.home, preexec_fn=lowered(),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: accepts(self.port), "PgBouncer listens")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self):
        self.stop()
        self.start()

    def url(self, more="", database="postgres"):
        return f"postgresql://keyfob@127.0.0.1:{self.port}/{database}{more}"


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def shut(*ends):
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Proxy:
    """Passes TCP on to a port of this machine. cut(): nothing passes any more, and nobody is told; mend(): it does."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.open = threading.Event()
        self.open.set()
        self.pairs = []
        self.closed = False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                threading.Thread(target=self.join, args=(near,), daemon=True).start()

    def join(self, near):
        self.open.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        self.pairs.append((near, far))
        threading.Thread(target=self.pump, args=(near, far), daemon=True).start()
        self.pump(far, near)
        for end in (near, far):
            end.close()

    def pump(self, source, sink):
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                self.open.wait()
                sink.sendall(piece)
        shut(source, sink)

    def cut(self):
        self.open.clear()

    def mend(self):
        """What was on its way when it was cut is lost with its connections."""
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            shut(*pair)
        self.open.set()

    def close(self):
        self.listener.close()
        self.mend()


class Node(harness.World):
    """One more Keyfob over the same store: configuration and master key of `first`, a state directory of its own."""

    def __init__(self, first, config=None):  # not World's: it shares the simulator and the store
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-e2e-"))
        self.home = self.root / "kf"
        self.home.mkdir(mode=0o700)
        self.answers, self.outputs = first.answers, first.outputs
        self.sim, self.daemon, self.api_key = first.sim, None, first.api_key
        for name in ("keyfob.toml", "keyfob.key"):
            shutil.copy2(first.home / name, self.home / name)
        for (section, key), value in (config or {}).items():
            self.configure(section, key, value)

    def close(self):
        if self.daemon is not None and self.daemon.running():
            self.daemon.signal(signal.SIGCONT)
            self.daemon.kill()
        shutil.rmtree(self.root, ignore_errors=True)
