#!/usr/bin/env python3
"""bench/postgres.py [--grants N]... [--seconds S] [--json FILE]: Keyfob on PostgreSQL beside pgbench, in one run.

A durable PostgreSQL of its own (fsync on). For each size: look-ups with nothing in memory against pgbench's primary-key
SELECT, durable refreshes with 1, 2 and 4 nodes against pgbench running the two bare UPDATE transactions that a refresh
needs, the cost of claiming due grants, bytes on disk. Rates are per second and per second of CPU, of the database and
its client together: on a machine that does other things, too, the second is the one that means something.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import postgres  # noqa: E402  the server that the tests use, too

APP = "app_7f3kq2m9x4"
TICKS = os.sysconf("SC_CLK_TCK")
KEY = f"app_id = '{APP}' AND grant_id = 'g_' || lpad(CAST(:n AS text), 20, '0')"

FILL = f"""
INSERT INTO grants (app_id, grant_id, user_id, provider_user, single_vehicle, single_select, vehicles, scope, status,
  generation, epoch, access_expires_at, refresh_expires_at, created_at, updated_at, due_at, renew_by, refused_count,
  refused_certain, refused_after_unknown, access_sealed, refresh_sealed, association_mac, changed_xid, changed_by)
SELECT '{APP}', 'g_' || lpad(n::text, 20, '0'), 'user-' || n, md5('u' || n)::uuid::text, '', false,
  ARRAY['veh-' || lpad(n::text, 32, '0')], 'read_vehicle_info read_odometer read_location read_battery', 'active', 1, 1,
  1700007200000, 1705184000000, 1700000000000, 1700000000000, 1704579200000 - CASE WHEN n % 50 = 0 THEN 5000000000 ELSE 0 END + n * 37 % 4000000, 1704600000000, 0, false, false,
  sha256(('a' || n)::bytea) || sha256(('b' || n)::bytea) || substr(sha256(('c' || n)::bytea), 1, 20),
  sha256(('d' || n)::bytea) || sha256(('e' || n)::bytea) || substr(sha256(('f' || n)::bytea), 1, 20),
  sha256(('m' || n)::bytea), 1, 1 FROM generate_series({{0}}, {{1}} - 1) AS n;
INSERT INTO grant_vehicles SELECT app_id, vehicles[1], grant_id FROM grants
  WHERE grant_id >= 'g_' || lpad({{0}}::text, 20, '0');
"""

SELECT = f"\\set n random(0, :grants - 1)\nSELECT * FROM grants WHERE {KEY};\n"
UPDATES = f"""\\set n random(0, :grants - 1)
UPDATE grants SET attempt_id = 'attempt-0123456789', attempt_node = 'node-1', attempt_incarnation = 1,
  first_sent_at = 1700000000000, lease_until = 1700000015000 WHERE {KEY};
UPDATE grants SET access_sealed = access_sealed || ''::bytea, refresh_sealed = refresh_sealed || ''::bytea,
  generation = generation + 1, access_expires_at = access_expires_at + 7200000, rotated_at = 1700000000000,
  refresh_expires_at = refresh_expires_at + 7200000, updated_at = updated_at + 1, due_at = due_at + 7200000,
  renew_by = renew_by + 7200000, changed_xid = txid_current(), changed_by = 7, attempt_id = NULL, attempt_node = NULL,
  attempt_incarnation = NULL, first_sent_at = NULL, lease_until = NULL WHERE {KEY};
"""


def cpu_of(server):
    """Seconds of CPU that the server and all its processes have used, those that ended included."""
    total = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        pid, parent = int(stat.parent.name), int(fields[1])
        if server.process.pid in (pid, parent):
            total += int(fields[11]) + int(fields[12])
        if pid == server.process.pid:
            total += int(fields[13]) + int(fields[14])
    return total / TICKS


class Bench:
    def __init__(self, server, seconds):
        self.server, self.seconds, self.rows = server, seconds, []
        self.program = ROOT / "build" / "bin" / "postgres_bench"

    def row(self, grants, what, done, seconds, cpu, against=None):
        row = {"grants": grants, "what": what, "per_second": done / seconds, "per_cpu_second": done / cpu,
               "cpu_us": cpu / done * 1e6}
        beside = ""
        if against is not None:
            row |= {"rate_ratio": row["per_second"] / against["per_second"],
                    "cpu_ratio": row["per_cpu_second"] / against["per_cpu_second"]}
            beside = f"   {row['rate_ratio']:5.2f}x the rate, {row['cpu_ratio']:5.2f}x per CPU second"
        print(f"  {what:<44} {row['per_second']:9.0f} /s {row['cpu_us']:8.1f} us CPU{beside}", flush=True)
        self.rows.append(row)
        return row

    def pgbench(self, grants, what, script, clients):
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            before, own = cpu_of(self.server), os.times()
            done = subprocess.run([postgres.programs() / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2",
                                   "-T", str(self.seconds), "-D", f"grants={grants}", "-f", file.name,
                                   self.server.url()], capture_output=True, text=True, check=True)
        after = os.times()
        cpu = cpu_of(self.server) - before + (after.children_user - own.children_user) + (
            after.children_system - own.children_system)
        count = int(re.search(r"actually processed: (\d+)", done.stdout)[1])
        return self.row(grants, f"pgbench -c {clients}: {what}", count, self.seconds, cpu)

    def keyfob(self, grants, what, work, against=None, nodes=1):
        before, lsn = cpu_of(self.server), self.server.sql("SELECT pg_current_wal_lsn()")
        running = [subprocess.Popen([self.program, self.server.url(), work, str(grants), str(self.seconds), str(node),
                                     str(nodes)], stdout=subprocess.PIPE, text=True) for node in range(nodes)]
        answers = [json.loads(each.communicate()[0]) for each in running]
        cpu = cpu_of(self.server) - before + sum(a["cpu"] for a in answers)
        seconds = max(a["seconds"] for a in answers)
        row = self.row(grants, what, sum(a["done"] for a in answers), seconds, cpu, against)
        if work == "refresh":
            written = int(self.server.sql(f"SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '{lsn}')::bigint"))
            row["wal_bytes"] = written / sum(a["done"] for a in answers)
            print(f"  {'':<44} {row['wal_bytes']:9.0f} bytes of write-ahead log each, full pages included", flush=True)
        return row

    def fill(self, before, grants):
        begin = time.monotonic()
        for first in range(before, grants, 100_000):
            self.server.sql(FILL.format(first, min(first + 100_000, grants)))
        self.server.sql("VACUUM ANALYZE")
        size = int(self.server.sql("SELECT pg_total_relation_size('grants') + pg_total_relation_size('grant_vehicles')"))
        print(f"{grants} grants, filled in {time.monotonic() - begin:.0f} s, {size / grants:.0f} bytes each with indexes",
              flush=True)
        self.rows.append({"grants": grants, "what": "bytes per grant", "bytes": size / grants})

    def measure(self, grants):
        select = max((self.pgbench(grants, "SELECT by primary key", SELECT, c) for c in (4, 16)),
                     key=lambda row: row["per_cpu_second"])
        self.keyfob(grants, "look-up by grant, 64 in flight", "load", select)
        self.keyfob(grants, "look-up by vehicle, 64 in flight", "find", select)
        self.keyfob(grants, "claim of 64 due grants, one after the other", "claim")
        updates = max((self.pgbench(grants, "the two bare UPDATEs", UPDATES, c) for c in (16, 32)),
                      key=lambda row: row["per_second"])
        for nodes in (1, 2, 4):
            self.keyfob(grants, f"durable refreshes, {nodes} node(s), 64 in flight each", "refresh", updates, nodes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grants", type=int, action="append", help="sizes, growing (default: 100000)")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    root = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-bench-pg-"))
    root.chmod(0o755)
    server = None
    try:
        server = postgres.Server(root, settings=("shared_buffers = 512MB", "max_wal_size = 4GB"))
        subprocess.run([ROOT / "build/bin/keyfob", "init", "--dir", root / "kf", "--store", server.url()], check=True,
                       stdout=subprocess.DEVNULL)
        bench, before = Bench(server, options.seconds), 0
        for grants in options.grants or [100_000]:
            bench.fill(before, grants)
            bench.measure(grants)
            before = grants
        if options.json:
            options.json.write_text(json.dumps(bench.rows, indent=1))
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
