"""Counters of the hot path, of the real daemon: system calls (strace), instructions and allocations (callgrind) per request."""

import http.client
import pathlib
import re
import subprocess
import time

from lab import load
from lab.process import Bench, Trouble, Untraceable, find
from lab.servers import PATH, Keyfob, start_upstream

PATHS = {"gateway": PATH, "token": "/v1/token?vehicle=vehicle-0"}
ALLOCATORS = ("malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc")


def daemon(bench, binary):
    upstream = start_upstream(bench)
    keyfob = Keyfob(bench.place("keyfob") / "node", binary, f"http://127.0.0.1:{upstream.port}")
    keyfob.import_grants(1)
    return keyfob


def system_calls(bench, keyfob, path, event_loop="auto", seconds=2):
    """Counts of all threads of the daemon under load, and the requests it answered meanwhile."""
    server = keyfob.serve(bench, event_loop=event_loop).at(path)
    load.wrk(server, 1)
    counts = bench.folder / "strace.txt"
    strace = subprocess.Popen([find("strace"), "-f", "-c", "-U", "calls,name", "-o", str(counts), "-p", str(server.process.pid)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_until(lambda: strace.poll() is not None or traced(server.process.pid), "strace does not attach")
    if strace.poll() is not None:
        raise Untraceable(strace.communicate()[1].decode(errors="replace").strip())
    run = load.wrk(server, seconds)
    strace.terminate()
    strace.communicate(timeout=20)
    bench.stop(server.process)
    found = {name: int(calls) for calls, name in re.findall(r"^\s*(\d+)\s+(\w+)$", counts.read_text(), re.M) if name != "total"}
    if not found:
        raise Trouble(f"strace counted nothing: {counts.read_text()[:300]}")
    return {"requests": run["requests"], "per_request": sum(found.values()) / run["requests"], "calls": found}


def traced(pid):
    tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
    return all(not re.search(r"^TracerPid:\t0$", (t / "status").read_text(), re.M) for t in tasks)


def wait_until(ready, trouble, patience=20.0):
    end = time.monotonic() + patience
    while not ready():
        if time.monotonic() > end:
            raise Trouble(trouble)
        time.sleep(0.02)


class Callgrind:
    """The daemon under callgrind, whose counters are dumped and zeroed between loads. On epoll: valgrind takes io_uring_enter(2) for a
    call that does not wait, and lets no other thread run meanwhile."""

    def __init__(self, bench, keyfob):
        self.bench, self.out, self.dumps = bench, bench.folder / "callgrind", 0
        under = [find("valgrind"), "--tool=callgrind", "--separate-threads=yes", "--compress-strings=no", "--compress-pos=no",
                 f"--callgrind-out-file={self.out}"]
        self.server = keyfob.serve(bench, under=under, patience=120.0, event_loop="epoll")

    def measure(self, path, requests):
        """What so many requests on one connection, one after the other, cost the threads that serve."""
        server = self.server.at(path)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.ask(connection, server, 200)
        self.dump()
        self.ask(connection, server, requests)
        self.dump()
        connection.close()
        sum_ = Profile()
        for file in self.out.parent.glob(f"callgrind.{self.dumps}-*"):
            found = read(file)
            if any("EventLoop::round" in name for name in found.own):
                sum_.add(found)
        if not sum_.own:
            raise Trouble("callgrind has counted nothing on the serving threads")
        return {"requests": requests, "instructions": sum(sum_.own.values()) / requests, "allocations": sum_.allocations / requests,
                "own": per_request(sum_.own, requests), "with_callees": per_request(sum_.inclusive, requests)}

    @staticmethod
    def ask(connection, server, requests):
        headers = dict(h.split(": ", 1) for h in server.headers)
        for _ in range(requests):
            connection.request("GET", server.path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise Trouble(f"{server.path}: {answer.status} {body[:200]}")

    def dump(self):
        self.dumps += 1
        done = subprocess.run([find("callgrind_control"), "--dump", str(self.server.process.pid)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Trouble(f"callgrind_control: {done.stdout}{done.stderr}")


class Profile:
    """Instructions by function, its own and with what it calls, and calls of the allocator."""

    def __init__(self):
        self.own, self.inclusive, self.allocations = {}, {}, 0

    def add(self, other):
        self.allocations += other.allocations
        for mine, its in ((self.own, other.own), (self.inclusive, other.inclusive)):
            for name, count in its.items():
                mine[name] = mine.get(name, 0) + count


def per_request(counts, requests, most=60):
    return {name: round(count / requests, 1) for name, count in sorted(counts.items(), key=lambda each: -each[1])[:most]}


def read(file):
    """One thread's dump."""
    profile, function, callee, in_call = Profile(), "?", "?", False
    for line in file.read_text().splitlines():
        if line.startswith("fn="):
            function = line[3:]
        elif line.startswith("cfn="):
            callee = line[4:]
        elif line.startswith("calls="):
            in_call = True
            if callee.split("'")[0] in ALLOCATORS:
                profile.allocations += int(line[6:].split()[0])
        elif line[:1].isdigit() or line[:1] in "+-*":
            numbers = line.split()
            counts, name = (profile.inclusive, callee) if in_call else (profile.own, function)
            counts[name] = counts.get(name, 0) + (int(numbers[1]) if len(numbers) > 1 else 0)
            in_call = False
    return profile


def counters(binary, requests=1000):
    """All counters of both hot paths."""
    found = {}
    with Bench() as bench:
        keyfob = daemon(bench, binary)
        for name, path in PATHS.items():
            found[name] = {"system_calls": {loop: system_calls(bench, keyfob, path, loop) for loop in ("auto", "epoll")}}
        callgrind = Callgrind(bench, keyfob)
        for name, path in PATHS.items():
            found[name]["callgrind"] = callgrind.measure(path, requests)
    return found


def part(options):
    found = counters(options.keyfob)
    print(f"  {'':10} {'event_loop':>10} {'system calls':>13} {'epoll_ctl':>10} {'instructions':>13} {'allocations':>12}   per request")
    for name, each in found.items():
        for loop, calls in each["system_calls"].items():
            counted = each["callgrind"]
            rest = f"{counted['instructions']:13.0f} {counted['allocations']:12.3f}" if loop == "epoll" else ""
            share = calls["calls"].get("epoll_ctl", 0) / calls["requests"]
            print(f"  {name:10} {loop:>10} {calls['per_request']:13.2f} {share:10.3f} {rest}")
    return found


