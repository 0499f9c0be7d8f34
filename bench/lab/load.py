"""Loads by wrk, in turns, and tables of what they cost."""

import re
import statistics
import subprocess

from lab.process import Trouble, cpu_seconds, find

CONNECTIONS = 64
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


def wrk(server, seconds, script=None, connections=CONNECTIONS):
    """One load: requests, rate, latency and the CPU of the server per request."""
    args = [find("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for header in server.headers:
        args += ["-H", header]
    if script:
        args += ["-s", str(script)]
    before = cpu_seconds(server.process.pid)
    out = subprocess.run([*args, f"http://127.0.0.1:{server.port}{server.path}"], capture_output=True, text=True, check=True).stdout
    cpu = cpu_seconds(server.process.pid) - before
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    if "Non-2xx" in out or requests == 0:
        raise Trouble(f"{server.name} answered with errors\n{out}")
    return {"requests": requests, "cpu_us": cpu / requests * 1e6, "per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
            "p50_ms": latency(out, "50%"), "p99_ms": latency(out, "99%")}


def latency(out, mark):
    value, unit = re.search(rf"{mark}\s+([\d.]+)(us|ms|s|m)", out).groups()
    return float(value) * UNITS[unit]


def in_turns(servers, rounds, seconds, scripts=None):
    """Every server in every round, so that a machine that changes its speed changes it for all."""
    for server in servers:
        wrk(server, 1, (scripts or {}).get(server))
    for _ in range(rounds):
        for server in servers:
            server.runs.append(wrk(server, seconds, (scripts or {}).get(server)))


def median(server, figure):
    return statistics.median(run[figure] for run in server.runs)


def rows_of(servers, reference):
    """Medians; ratios are medians of the rounds' own ratios."""
    rows = []
    for server in servers:
        ratios = [mine["cpu_us"] / its["cpu_us"] for mine, its in zip(server.runs, reference.runs)]
        rows.append({"name": server.name, "cpu_ratio": statistics.median(ratios), "cpu_ratio_rounds": [round(r, 3) for r in ratios],
                     **{k: median(server, k) for k in server.runs[0] if k != "requests"}})
    return rows


def table(title, rows):
    print(f"\n{title}\n  {'':34} {'requests/s':>10} {'p50 ms':>8} {'p99 ms':>8} {'CPU us/request':>15} {'CPU ratio':>10}", flush=True)
    for row in rows:
        print(f"  {row['name']:34} {row['per_second']:10.0f} {row['p50_ms']:8.2f} {row['p99_ms']:8.2f} {row['cpu_us']:15.2f} "
              f"{row['cpu_ratio']:10.2f}", flush=True)
