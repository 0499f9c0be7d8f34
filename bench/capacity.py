#!/usr/bin/env python3
"""bench/capacity.py [--from postgres.json] [--active SHARE] [--calls N] ...: what an installation of each size needs.

Computed from unit costs: those below, which were measured with bench/postgres.py and bench/run, or yours: --from takes the
JSON that bench/postgres.py writes, and every cost has an option of its own. Nothing here is a promise; it is arithmetic
that you can repeat with your own figures. docs/scaling.md explains the columns.
"""

import argparse
import json
import math
import pathlib

SIZES = (100_000, 1_000_000, 10_000_000, 100_000_000)
DAY = 86400.0


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--from", dest="measured", type=pathlib.Path, help="JSON of bench/postgres.py; its largest size counts")
    add("--grants", type=int, action="append", help="sizes (default: 100 k, 1 M, 10 M, 100 M)")
    add("--active", type=float, default=0.2, help="share of grants that somebody uses at any time of the day")
    add("--calls", type=float, default=12, help="API calls per active grant and hour")
    add("--access-ttl", type=float, default=7200, help="life of an access token, seconds")
    add("--ahead", type=float, default=300, help="refreshed this long before its end, seconds")
    add("--refresh-ttl", type=float, default=60 * DAY, help="life of a refresh token, seconds")
    add("--keep-alive", type=float, default=7 * DAY, help="idle grants are refreshed this long before it ends, seconds")
    add("--always-fresh", action="store_true", help="every grant counts as active for refreshes")
    add("--refresh-db-us", type=float, default=255, help="CPU of database and node per durable refresh")
    add("--refresh-wal", type=float, default=1717, help="bytes of write-ahead log per refresh")
    add("--lookup-us", type=float, default=49, help="CPU of database and node per look-up that memory does not answer")
    add("--call-us", type=float, default=25, help="CPU of a node per gateway call")
    add("--bytes", type=float, default=995, help="bytes per grant on disk, indexes and dead rows included")
    add("--cached-bytes", type=float, default=889, help="bytes of a node's memory per remembered grant")
    add("--connections", type=int, default=5, help="connections per node")
    add("--node-cores", type=float, default=4)
    add("--busy", type=float, default=0.5, help="how busy a core may be")
    chosen = parser.parse_args()
    if chosen.measured:
        take(chosen, json.loads(chosen.measured.read_text()))
    return chosen


def take(chosen, rows):
    largest = max(row["grants"] for row in rows)
    for row in rows:
        if row["grants"] != largest:
            continue
        if row["what"].startswith("durable refreshes, 1 node"):
            chosen.refresh_db_us = row["cpu_us"]
            chosen.refresh_wal = row["wal_bytes"]
        elif row["what"].startswith("look-up by vehicle"):
            chosen.lookup_us = row["cpu_us"]
        elif row["what"] == "bytes per grant in the long run":
            chosen.bytes = row["bytes"]


def needs(o, grants):
    active = grants * (1.0 if o.always_fresh else o.active)
    idle = grants - active
    refreshes = active / (o.access_ttl - o.ahead) + idle / (o.refresh_ttl - o.keep_alive)
    calls = grants * o.active * o.calls / 3600
    node_cpu = calls * o.call_us / 1e6
    db_cpu = refreshes * o.refresh_db_us / 1e6
    nodes = max(2, math.ceil(node_cpu / (o.node_cores * o.busy)) + 1)  # one may fail
    return {"grants": grants, "refreshes": refreshes, "transactions": 2 * refreshes, "wal": refreshes * o.refresh_wal,
            "db_cores": db_cpu / o.busy, "disk": grants * o.bytes, "calls": calls, "nodes": nodes,
            "connections": nodes * o.connections, "memory": min(grants * o.active, 1e6) * o.cached_bytes,
            "warm_up": min(grants * o.active, 1e6) * o.lookup_us / 1e6, "leader_minutes": grants * o.bytes / 500e6 / 60}


def scaled(value, units=("", "k", "M", "G", "T")):
    for unit in units:
        if abs(value) < 1000 or unit == units[-1]:
            return f"{value:.3g} {unit}".strip()
        value /= 1000
    return ""


def main():
    o = options()
    columns = [("grants", "grants", ""), ("refreshes", "refreshes/s = exchanges/s at the provider", ""),
               ("transactions", "durable transactions/s", ""), ("wal", "write-ahead log", "B/s"),
               ("db_cores", "cores of the primary for refreshes", ""), ("disk", "on disk", "B"),
               ("calls", "gateway calls/s", ""), ("nodes", f"nodes of {o.node_cores:g} cores, one spare", ""),
               ("connections", "connections", ""), ("memory", "memory for tokens per node", "B"),
               ("warm_up", "CPU seconds to fill a node's memory", "")]
    tables = [needs(o, grants) for grants in o.grants or SIZES]
    print("| |" + "".join(f" {scaled(t['grants'])} |" for t in tables))
    print("|---|" + "---|" * len(tables))
    for key, title, unit in columns[1:]:
        print(f"| {title} |" + "".join(f" {scaled(t[key])}{unit} |" for t in tables))


if __name__ == "__main__":
    main()
