"""What the end-to-end tests share: a real keyfob and a real smartcar-sim in a directory of their own, on free ports.

    class Something(harness.Case):
        def test_a_thing_happens(self):
            pair = self.world.import_grant("ann")
            self.assertEqual(self.world.api("GET", "/v1/token?user=ann").status, 200)

KEYFOB_BIN names the directory of the programs. Nothing here sleeps for a fixed time: `eventually` polls up to a deadline.
"""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import warnings

BIN = pathlib.Path(os.environ.get("KEYFOB_BIN", pathlib.Path(__file__).resolve().parents[2] / "build" / "bin")).resolve()
PATIENCE = float(os.environ.get("KEYFOB_E2E_PATIENCE", "30"))  # seconds; what a slow machine may need for one step
EVENT_LOOP = os.environ.get("KEYFOB_TEST_LOOP", "auto")  # "epoll": as where io_uring is refused

APP = "fleet"
CLIENT_ID = "8229df9f-91a0-4ff0-a1ae-a1f38ee24d07"
CLIENT_SECRET = "planted-client-secret-5e1f7c2a"
MANAGEMENT_TOKEN = "planted-management-token-9b3d4e6f"


def eventually(check, what, patience=PATIENCE):
    """What `check` answers as soon as it is true; fails with `what` when the time is up."""
    end = time.monotonic() + patience
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience:.0f} s in vain: {what}")
        time.sleep(0.02)


class Answer:
    """One HTTP answer: status, headers (names in lower case), body, and the JSON in it."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.headers.get("keyfob-error")

    def __repr__(self):
        return f"<{self.status} {self.code or ''} {self.body[:300]!r}>"


def exchange(origin, method, path, body=None, headers=None, patience=PATIENCE * 2):
    """One request on a connection of its own. `body` is bytes, or a value that is sent as JSON."""
    parts = urllib.parse.urlsplit(origin)
    headers = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=patience)
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def raw_exchange(origin, data, patience=PATIENCE):
    """Sends bytes as they are and reads until the server closes, or one whole answer with a Content-Length is there."""
    parts = urllib.parse.urlsplit(origin)
    with socket.create_connection((parts.hostname, parts.port), timeout=patience) as s:
        s.sendall(data)
        got = b""
        while True:
            with contextlib.suppress(ConnectionResetError):
                piece = s.recv(65536)
                got += piece
                if piece and not whole(got):
                    continue
            return got


def whole(answer):
    head, gap, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    return bool(gap) and length is not None and len(body) >= int(length[1])


def self_signed(directory):
    """tls.key and tls.crt of a machine named keyfob, as a user makes them to begin with."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=keyfob", "-keyout", directory / "tls.key", "-out", directory / "tls.crt"], check=True, capture_output=True)


class Program:
    """A process of ours; what it says is kept in `log`. It is ended by its id, whatever happens."""

    def __init__(self, arguments, log, ready, environment=None, preexec=None, pass_fds=()):
        self.output = bytearray()
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL, env=environment, preexec_fn=preexec, pass_fds=pass_fds)
        self.reader = threading.Thread(target=self.read, args=(log,), daemon=True)
        self.reader.start()
        self.origin = self.wait_until_ready(ready)

    def read(self, log):
        """Through a pipe, so that limits on file sizes do not silence the program."""
        with open(log, "ab", buffering=0) as sink:
            while piece := self.process.stdout.read1(65536):
                self.output += piece
                sink.write(piece)

    def text(self):
        return self.output.decode(errors="replace")

    def wait_until_ready(self, pattern):
        def look():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.process.args[0]} ended with {self.process.returncode}:\n{self.text()}")
            return re.search(pattern, self.text(), re.MULTILINE)
        try:
            return eventually(look, f"{self.process.args[0]} says that it listens")[1]
        except AssertionError:
            self.kill()
            raise

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.running():
            self.process.send_signal(number)

    def kill(self):
        """kill -9"""
        self.signal(signal.SIGKILL)
        return self.wait()

    def stop(self):
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        try:
            return self.process.wait(PATIENCE * 2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.process.args[0]} did not end:\n{self.text()}") from None
        finally:
            self.reader.join(PATIENCE)
            self.process.stdout.close()


class Sim(Program):
    """smartcar-sim with our client registered."""

    def __init__(self, directory, *options):
        arguments = [BIN / "smartcar-sim", "--listen", "127.0.0.1:0", *options]
        super().__init__(arguments, directory / "sim.log", r"listening on (http://\S+)")
        self.post("clients", client_id=CLIENT_ID, client_secret=CLIENT_SECRET, management_token=MANAGEMENT_TOKEN)

    def post(self, call, **body):
        answer = exchange(self.origin, "POST", f"/_sim/{call}", body)
        if answer.status >= 300:
            raise AssertionError(f"/_sim/{call}: {answer}")
        return answer.json

    def get(self, call):
        return exchange(self.origin, "GET", f"/_sim/{call}").json

    def stats(self):
        return self.get("stats")

    def rotations(self):
        return self.stats()["rotations"]

    def late_uses(self):
        return self.stats()["late_uses"]

    def requests(self, path=None):
        """What it was asked, newest first; names of headers in lower case."""
        found = self.get("requests?limit=10000" + (f"&path={path}" if path else ""))["requests"]
        return [r | {"headers": {k.lower(): v for k, v in r["headers"].items()}} for r in found]

    def issue(self, **what):
        return self.post("issue", **what)

    def fault(self, kind, where="token", **more):
        self.post("fault", kind=kind, where=where, **more)

    def clear_faults(self):
        exchange(self.origin, "DELETE", "/_sim/fault")

    def inspect(self, token):
        return self.post("inspect", token=token)


class Cli:
    """How one command of the keyfob program ended."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"<exit {self.code}\nstdout: {self.out}\nstderr: {self.err}>"


def grant_key(kind, app, text):
    """What the store finds a grant by: as grant_keys.cpp makes it of a user or a vehicle."""
    mask, prime = (1 << 64) - 1, 0x100000001b3
    key = 0xcbf29ce484222325
    for part in (text, app, kind):
        for byte in part.encode():
            key = (key ^ byte) * prime & mask
        key = key * prime & mask
    for factor in (0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53):
        key = (key ^ key >> 33) * factor & mask
    key ^= key >> 33
    return key - (1 << 64) if key >> 63 else key


class World:
    """One directory with a Keyfob in it, and the simulator that it talks to."""

    def __init__(self, config=None, sim_options=(), init_options=()):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-e2e-"))
        self.home = self.root / "kf"
        self.answers = []  # (method and path, Answer) of everything asked of Keyfob
        self.outputs = []  # (command, stdout + stderr) of every command run
        self.daemon = self.sim = None
        self.api_key = ""
        try:
            self.sim = Sim(self.root, *sim_options)
            self.cli_ok("init", "--dir", self.home, *init_options)
            self.configure("server", "listen", '["127.0.0.1:0"]')
            self.configure("server", "threads", "2")
            self.configure("server", "event_loop", f'"{EVENT_LOOP}"')
            self.configure("providers.smartcar", "all_origins", f'"{self.sim.origin}"')
            for (section, key), value in (config or {}).items():
                self.configure(section, key, value)
        except BaseException:
            self.close()
            raise

    # --- files -----------------------------------------------------------------------------------------------------

    @property
    def config_file(self):
        return self.home / "keyfob.toml"

    @property
    def database(self):
        return self.home / "keyfob.db"

    def configure(self, section, key, value):
        """Sets one key of the configuration; `value` is TOML."""
        text = self.config_file.read_text()
        header = f"[{section}]\n"
        if header not in text:
            text += f"\n{header}"
        before, after = text.split(header, 1)
        own, bracket, rest = after.partition("\n[")
        own = re.sub(rf"(?m)^{re.escape(key)} *=.*\n?", "", own)
        self.config_file.write_text(before + header + f"{key} = {value}\n" + own + bracket + rest)

    def sql(self, statement, *parameters):
        """One statement on the database; only while the daemon is down, or to read."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=PATIENCE)) as database:
            database.create_function("grant_key", 3, grant_key, deterministic=True)
            rows = database.execute(statement, parameters).fetchall()
            database.commit()
        return rows

    # --- programs --------------------------------------------------------------------------------------------------

    def serve(self, environment=None, preexec=None, options=()):
        arguments = [BIN / "keyfob", *options, "--config", self.config_file, "serve"]
        ready = r"keyfob listening on (http://[^\s,]+)"
        self.daemon = Program(arguments, self.root / "keyfob.log", ready, environment, preexec)
        return self

    def restart(self, **how):
        self.daemon.stop()
        return self.serve(**how)

    def cli(self, *arguments, secret=None, environment=None, json_out=False):
        """One command; `secret` goes to its stdin."""
        flags = ["--json"] if json_out else []
        where = ["--config", self.config_file] if self.config_file.exists() else []
        done = subprocess.run([BIN / "keyfob", *where, *flags, *arguments], input=secret, capture_output=True, text=True,
                              timeout=PATIENCE * 2, check=False, cwd=self.root, env=environment,
                              stdin=None if secret is not None else subprocess.DEVNULL)
        self.outputs.append((" ".join(map(str, arguments)), done.stdout + done.stderr))
        return Cli(done)

    def cli_ok(self, *arguments, **how):
        done = self.cli(*arguments, **how)
        if done.code != 0:
            raise AssertionError(f"keyfob {' '.join(map(str, arguments))}: {done}")
        return done

    def add_app(self, name=APP, *more):
        callback = (self.daemon.origin if self.daemon else "http://127.0.0.1:1") + "/connect/callback"
        secret = self.root / "management-token"
        secret.write_text(MANAGEMENT_TOKEN)
        self.cli_ok("app", "add", name, "--client-id", CLIENT_ID, "--client-secret", "-", "--redirect-uri", callback,
                    "--management-token", f"@{secret}", *more, secret=CLIENT_SECRET)
        secret.unlink()

    def add_caller(self, name, allow, *more, app=APP):
        where = ("--app", app) if app else ()
        key = self.cli_ok("caller", "add", name, *where, "--allow", allow, *more, json_out=True).json["api_key"]
        output = self.outputs[-1]
        self.outputs[-1] = (output[0], output[1].replace(key, "(shown once)"))
        return key

    def start(self, **how):
        """A daemon with one application and one caller that may do everything for it."""
        self.serve(**how)
        self.add_app()
        self.api_key = self.add_caller("backend", "gateway,token:read,grant:read,grant:write,grant:revoke")
        return self

    # --- requests --------------------------------------------------------------------------------------------------

    def api(self, method, path, body=None, headers=None, key=None, **how):
        headers = {"Authorization": f"Bearer {key or self.api_key}"} | dict(headers or {})
        return self.anonymous(method, path, body, headers, **how)

    def anonymous(self, method, path, body=None, headers=None, **how):
        answer = exchange(self.daemon.origin, method, path, body, headers, **how)
        self.answers.append((f"{method} {path}", answer))
        return answer

    def import_grant(self, user, expires_in=7200, **more):
        """A pair of a fresh owner of the simulator, imported for `user`; the pair with the grant's id as "grant"."""
        pair = more.pop("pair", None) or self.sim.issue(client_id=CLIENT_ID)
        body = {"user": user, "vehicles": pair["vehicles"], "access_token": pair["access_token"],
                "refresh_token": pair["refresh_token"], "expires_in": expires_in} | more
        answer = self.api("POST", "/v1/grants", body)
        if answer.status != 201:
            raise AssertionError(f"import: {answer}")
        return pair | {"grant": answer.json["id"], "vehicle": pair["vehicles"][0] if pair["vehicles"] else None}

    def grant(self, grant_id):
        return self.api("GET", f"/v1/grants/{grant_id}").json

    def close(self):
        for program in (self.daemon, self.sim):
            if program is not None and program.running():
                program.kill()
        shutil.rmtree(self.root, ignore_errors=True)


class Case(unittest.TestCase):
    """A test with a world of its own: `config` maps (section, key) to TOML."""

    config = {}
    sim_options = ()
    start = True

    def setUp(self):
        self.world = World(self.config, self.sim_options)
        self.addCleanup(self.world.close)
        if self.start:
            self.world.start()
        self.sim = self.world.sim

    def assert_answer(self, answer, status, code=None):
        self.assertEqual((answer.status, answer.code), (status, code), answer)
        if code is not None:
            self.assert_problem(answer, status, code)
        return answer

    def assert_problem(self, answer, status, code):
        """RFC 9457, with our stable code."""
        self.assertEqual(answer.headers["content-type"], "application/problem+json", answer)
        problem = answer.json
        self.assertEqual((problem["status"], problem["code"]), (status, code))
        self.assertEqual(problem["type"], f"urn:keyfob:problem:{code}")
        for member in ("title", "detail"):
            self.assertIsInstance(problem.get(member), str, answer)
        if status == 503:
            self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)

    def token_of(self, query, key=None):
        return self.assert_answer(self.world.api("GET", f"/v1/token?{query}", key=key), 200).json["access_token"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def warnings_off():
    return warnings.catch_warnings(action="ignore")


def together(count, work):
    """What `work(i)` answered for each i, all started at the same moment."""
    results, gate = [None] * count, threading.Barrier(count)

    def one(i):
        gate.wait()
        try:
            results[i] = work(i)
        except BaseException as problem:  # shown by the assertion that reads it
            results[i] = problem
    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def forms_of(secret):
    """A secret as it could be found: plain, hex, base64 at every alignment, URL-encoded, UTF-16."""
    raw = secret.encode()
    forms = {raw, raw.hex().encode(), raw.hex().upper().encode(), secret.encode("utf-16-le"),
             urllib.parse.quote(secret, safe="").encode()}
    for shift in range(3):
        whole_groups = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0:]
        core = whole_groups[: len(whole_groups) // 4 * 4 - 4]
        forms |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return {form for form in forms if len(form) >= 8}


def file_size_limit(limit):
    """For `preexec`: writes that would make any file larger than `limit` bytes fail with EFBIG, as on a full disk."""
    def apply():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    return apply


def main():
    for program in ("keyfob", "smartcar-sim"):
        if not (BIN / program).exists():
            sys.exit(f"{BIN / program} is missing: build it, or set KEYFOB_BIN")
    unittest.main(verbosity=2)
