"""A memory image of the running daemon: what of the tokens that it served is in it.

Root may read any process's memory; the daemon's own guard (not dumpable, not ptraceable) holds everybody else off and is tested, too.
"""

import collections
import os
import pathlib
import re
import threading

import harness
from harness import eventually, exchange

GRANTS = 400
ROUNDS = 25  # 10 000 tokens served


class Image:
    """Every readable, writable byte of a process."""

    def __init__(self, pid):
        self.parts = []
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
                span, rights, *rest = line.split()
                start, end = (int(x, 16) for x in span.split("-"))
                if "rw" not in rights or "[vvar" in line:
                    continue
                try:
                    memory.seek(start)
                    self.parts.append((rest[-1] if len(rest) > 3 else "anonymous", memory.read(end - start)))
                except (OSError, ValueError, OverflowError):
                    continue  # a guard page

    def size(self):
        return sum(len(data) for _, data in self.parts)

    def find(self, prefix):
        """{token: [where]} for everything in memory that begins like one of our tokens."""
        found = collections.defaultdict(list)
        for where, data in self.parts:
            for match in re.finditer(prefix + rb"-\d+-[xy]{30}", data):
                found[match[0]].append((where, data[max(0, match.start() - 24):match.end() + 8]))
        return found


def readable(pid):
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0):
            return True
    except PermissionError:
        return False


class Memory(harness.Case):
    config = {("server", "threads"): "2"}

    def setUp(self):
        super().setUp()
        for i in range(GRANTS):
            body = {"user": f"u{i}", "vehicles": [f"v{i}"], "access_token": f"accesstoken-{i}-{'x' * 30}",
                    "refresh_token": f"refreshtoken-{i}-{'y' * 30}", "expires_in": 86400}
            self.assertEqual(exchange(self.world.daemon.origin, "POST", "/v1/grants", body, self.headers()).status, 201)

    def headers(self):
        return {"Authorization": f"Bearer {self.world.api_key}"}

    def serve_tokens(self):
        connection = harness.http.client.HTTPConnection(self.world.daemon.origin[7:], timeout=harness.PATIENCE)
        for _ in range(ROUNDS):
            for i in range(GRANTS):
                connection.request("GET", f"/v1/token?user=u{i}", headers=self.headers())
                response = connection.getresponse()
                response.read()
                self.assertEqual(response.status, 200)
        for i in range(0, GRANTS, 4):  # and through the gateway: the simulator refuses these tokens, after having got them
            connection.request("GET", f"/v2.0/vehicles/v{i}/odometer", headers=self.headers())
            connection.getresponse().read()
        connection.close()

    def test_after_ten_thousand_tokens_none_is_left_in_memory(self):
        self.serve_tokens()
        threading.Event().wait(1)  # connections are closed, buffers given back
        if not readable(self.world.daemon.pid):
            self.skipTest("this machine does not let root read another process's memory")
        image = Image(self.world.daemon.pid)
        self.assertGreater(image.size(), 1 << 20)
        found = {kind: image.find(kind.encode()) for kind in ("refreshtoken", "accesstoken")}
        for kind, tokens in found.items():
            places = collections.Counter(where for hits in tokens.values() for where, _ in hits)
            print(f"{kind}: {len(tokens)} of {GRANTS} in {image.size() >> 20} MiB of memory, {dict(places)}")
            for token, hits in list(tokens.items())[:4]:
                print("   ", token[:24], hits[0])
        self.assertEqual(list(found["refreshtoken"]), [], "refresh tokens in memory")
        self.assertLessEqual(len(found["accesstoken"]), 2, "at most one for each thread that may still have one in flight")

    def test_the_search_finds_what_is_there(self):
        marker = f"accesstoken-{GRANTS + 1}-{'x' * 30}"
        image = Image(os.getpid())
        self.assertIn(marker.encode(), image.find(b"accesstoken"))

    def test_nobody_but_root_may_look(self):
        status = pathlib.Path(f"/proc/{self.world.daemon.pid}/status").read_text()
        self.assertRegex(status, r"(?m)^Umask:\t0077$")
        self.assertEqual(os.stat(f"/proc/{self.world.daemon.pid}/mem").st_uid, 0, "not dumpable: /proc belongs to root")
        limits = pathlib.Path(f"/proc/{self.world.daemon.pid}/limits").read_text()
        self.assertRegex(limits, r"(?m)^Max core file size +0 +0 ")


if __name__ == "__main__":
    harness.main()
