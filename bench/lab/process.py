"""Processes that are started, waited for and ended, and what /proc says of them."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")


class Trouble(Exception):
    """Something did not come up, or answered with errors."""


class Untraceable(Trouble):
    """The machine does not let a process be traced."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def find(program):
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise Trouble(f"{program} is not installed: make deps")
    return path


def children(pid):
    return [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(pid):
    """utime + stime of a process and of its children that are alive."""
    total = 0.0
    for each in [pid, *children(pid)]:
        fields = pathlib.Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / TICK
    return total


def memory_bytes(pid):
    """Proportional share of a process and its children."""
    total = 0
    for each in [pid, *children(pid)]:
        for line in pathlib.Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


class Bench:
    """A folder and the processes of one measurement; all of them end with it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-bench-"))
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            self.stop(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def place(self, name):
        place = self.folder / name
        place.mkdir(exist_ok=True)
        return place

    def start(self, args, port, patience=20.0, **more):
        log = open(self.folder / f"{pathlib.Path(args[0]).name}-{port}.log", "w")
        process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more)
        log.close()
        self.processes.append(process)
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if process.poll() is not None:
                raise Trouble(f"{args[0]} ended early: {self.last_words(log.name)}")
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return process
            time.sleep(0.02)
        raise Trouble(f"nothing listens on {port}: {self.last_words(log.name)}")

    @staticmethod
    def last_words(log):
        return pathlib.Path(log).read_text()[-500:].strip()

    @staticmethod
    def stop(process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
