#!/usr/bin/env python3
"""bench/postgres.py [--grants N]... [--rounds R] [--seconds S] [--flat] [--json FILE]: Keyfob on PostgreSQL beside pgbench.

A durable PostgreSQL of its own (fsync on). For each size: look-ups with nothing in memory against pgbench's primary-key
SELECT, durable refreshes with 1, 2 and 4 nodes against pgbench running the two bare UPDATE transactions that a refresh
needs, the cost of claiming due grants, bytes on disk; SQLite's figures beside them. Everybody has a turn in every round;
ratios are medians of the rounds' own. Rates are per second and per second of CPU, of the database and its client together:
on a machine that does other things, too, the second is the one that means something.

--flat: no refreshes: look-ups, claims and looks at the queue only, and how their cost grows from the first size to the last. Each size
has a server of its own with memory for all of it, and in every round each work is done at each size, one right after the other; growth is
the median of the rounds' own. PostgreSQL's own plain SELECT is the measure of what a larger database costs anyway.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import postgres  # noqa: E402  the server that the tests use, too

APP = "app_7f3kq2m9x4"
TICKS = os.sysconf("SC_CLK_TCK")
PROGRAM = ROOT / "build" / "bin" / "postgres_bench"
KEY = f"app_id = '{APP}' AND grant_id = 'g_' || lpad(CAST(:n AS text), 20, '0')"

DUE = "1704579200000 + n * 1597 % 4000037"
# Users, vehicles and accounts come in no order. Every fiftieth of the first 100 000 grants is due: as many at every size.
FILL = f"""
INSERT INTO grants (app_id, grant_id, user_id, provider_user, single_vehicle, single_select, vehicles, scope, status,
  generation, epoch, access_expires_at, refresh_expires_at, created_at, updated_at, rotated_at, due_at, renew_by,
  refused_count, refused_certain, refused_after_unknown, access_sealed, refresh_sealed, association_mac, changed_xid,
  changed_by)
SELECT '{APP}', 'g_' || lpad(n::text, 20, '0'), 'user-' || substr(md5('u' || n), 1, 8), md5('p' || n)::uuid::text, '', false,
  ARRAY['veh-' || lpad(n::text, 32, '0')], 'read_vehicle_info read_odometer read_location read_battery', 'active', 1, 1,
  1700007200000 + n, 1705184000000 + n, 1700000000000, 1700000000000 + n, 1700000000000 + n,
  {DUE} - CASE WHEN n % 50 = 0 AND n < 100000 THEN 5000000000 ELSE 0 END, 1704600000000 + n * 7919 % 500000000,
  0, false, false, sha256(('a' || n)::bytea) || sha256(('b' || n)::bytea) || substr(sha256(('c' || n)::bytea), 1, 20),
  sha256(('d' || n)::bytea) || sha256(('e' || n)::bytea) || substr(sha256(('f' || n)::bytea), 1, 20),
  sha256(('m' || n)::bytea), n / 20, 1 FROM generate_series(CAST({{0}} AS bigint), {{1}} - 1) AS n;
INSERT INTO grant_vehicles SELECT app_id, vehicles[1], grant_id FROM grants
  WHERE app_id = '{APP}' AND grant_id >= 'g_' || lpad({{0}}::text, 20, '0');
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
    def __init__(self, server, options):
        self.server, self.seconds, self.rounds, self.rows = server, options.seconds, options.rounds, []

    def cost(self, done, seconds, cpu):
        if done == 0 or cpu == 0:
            raise SystemExit("bench/postgres.py: nothing at all was done in one turn: the machine is too busy, or --seconds too short")
        return {"per_second": done / seconds, "per_cpu_second": done / cpu, "cpu_us": cpu / done * 1e6}

    def pgbench(self, grants, script, clients):
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
        return self.cost(int(re.search(r"actually processed: (\d+)", done.stdout)[1]), self.seconds, cpu)

    def keyfob(self, grants, work, nodes=1):
        running = [subprocess.Popen([PROGRAM, self.server.url(), work, str(grants), str(self.seconds), str(node), str(nodes)],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for node in range(nodes)]
        for each in running:
            if each.stdout.readline() != "ready\n":
                raise SystemExit(f"bench/postgres.py: {work} did not start")
        before, lsn = cpu_of(self.server), self.server.sql("SELECT pg_current_wal_lsn()")
        for each in running:
            each.stdin.write("\n")
            each.stdin.flush()
        answers = [json.loads(each.stdout.readline()) for each in running]
        ours = sum(a["cpu"] for a in answers)
        cpu = cpu_of(self.server) - before + ours
        for each in running:
            each.communicate()
        done = sum(a["done"] for a in answers)
        written = int(self.server.sql(f"SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '{lsn}')::bigint"))
        return self.cost(done, max(a["seconds"] for a in answers), cpu) | {
            "wal_bytes": written / done, "client_cpu_us": ours / done * 1e6}

    def take_turns(self, grants, references, works):
        """references: {name: what runs}, the best of a round counts; works: {name: what runs}."""
        runs = []
        for _ in range(self.rounds):
            beside = {name: run() for name, run in references.items()}
            best = {key: max((r[key] for r in beside.values()), default=0) for key in ("per_second", "per_cpu_second")}
            for name, run in works.items():
                found = run()
                if references:
                    found |= {"rate_ratio": found["per_second"] / best["per_second"],
                              "cpu_ratio": found["per_cpu_second"] / best["per_cpu_second"]}
                beside[name] = found
            runs.append(beside)
        for name in runs[0]:
            self.report(grants, name, [run[name] for run in runs])

    def report(self, grants, name, runs):
        row = {"grants": grants, "what": name} | {key: statistics.median(r[key] for r in runs) for key in runs[0]}
        beside = ""
        if "rate_ratio" in row:
            row["rate_ratio_rounds"] = [round(r["rate_ratio"], 2) for r in runs]
            beside = (f"   {row['rate_ratio']:5.2f}x the rate ({min(row['rate_ratio_rounds'])} to "
                      f"{max(row['rate_ratio_rounds'])}), {row['cpu_ratio']:5.2f}x per CPU second")
        if "client_cpu_us" in row:
            beside = f", {row['client_cpu_us']:.0f} of them Keyfob's" + beside
        print(f"  {name:<48} {row['per_second']:9.0f} /s {row['cpu_us']:8.1f} us CPU{beside}", flush=True)
        if "refresh" in name and "wal_bytes" in row:
            print(f"  {'':<48} {row['wal_bytes']:9.0f} bytes of write-ahead log each, full pages included", flush=True)
        self.rows.append(row)

    def fill(self, before, grants):
        begin = time.monotonic()
        for first in range(before, grants, 100_000):
            self.server.sql(FILL.format(first, min(first + 100_000, grants)))
        self.server.sql("VACUUM ANALYZE")
        self.server.sql("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        self.server.sql("SELECT pg_prewarm(oid) FROM pg_class WHERE relname ~ '^grant' AND relkind IN ('r', 'i')")
        print(f"{grants} grants, filled in {time.monotonic() - begin:.0f} s", flush=True)
        self.size(grants, "bytes per grant")

    def size(self, grants, what):
        parts = {}
        for line in self.server.sql("SELECT relname || ' ' || pg_relation_size(oid) FROM pg_class WHERE relname ~ '^grant' "
                                    "AND relkind IN ('r', 'i') ORDER BY pg_relation_size(oid) DESC").splitlines():
            name, size = line.split()
            parts[name] = int(size) / grants
        print(f"  {what + ', indexes included':<48} {sum(parts.values()):9.0f}      " +
              ", ".join(f"{name} {size:.0f}" for name, size in parts.items() if size >= 1), flush=True)
        self.rows.append({"grants": grants, "what": what, "bytes": sum(parts.values()), "parts": parts})

    def selects(self, grants, clients=(4, 16)):
        return {f"pgbench -c {c}: SELECT by primary key": lambda c=c: self.pgbench(grants, SELECT, c) for c in clients}

    def lookups(self, grants):
        return {"look-up by grant, 64 in flight": lambda: self.keyfob(grants, "load"),
                "look-up by vehicle, 64 in flight": lambda: self.keyfob(grants, "find")}

    def queue(self, grants):
        return {"claim of 64 due grants, one after the other": lambda: self.keyfob(grants, "claim"),
                "look at what waits, up to 10 000 due": lambda: self.keyfob(grants, "outlook")}

    def measure_reads(self, grants):
        self.take_turns(grants, self.selects(grants), self.lookups(grants))
        self.take_turns(grants, {}, self.queue(grants))

    def measure_refreshes(self, grants):
        works = {f"durable refreshes, {nodes} node(s), 64 in flight each": lambda n=nodes: self.keyfob(grants, "refresh", n)
                 for nodes in (1, 2, 4)}
        works["look-up and durable refresh, 1 node"] = lambda: self.keyfob(grants, "read-refresh")
        self.take_turns(grants, {f"pgbench -c {c}: the two bare UPDATEs": lambda c=c: self.pgbench(grants, UPDATES, c)
                                 for c in (16, 32)}, works)
        self.size(grants, "bytes per grant after these refreshes")

    def measure_long_run(self, grants):
        """Every grant twice, in the order in which they are due, with a vacuum where autovacuum has its threshold: two dead
        rows in a hundred. In life a grant's turn comes every two hours, so autovacuum, which looks once a minute, keeps up with that.
        """
        self.server.sql(f"UPDATE grants SET due_at = {DUE} FROM (SELECT grant_id AS id, ltrim(grant_id, 'g_')::bigint AS n FROM grants) "
                        "AS numbered WHERE grant_id = id AND due_at <= 1700000000000")
        for _ in range(2 * 50):  # a turn is of one grant in fifty
            self.keyfob(grants, "turn")
            self.server.sql("VACUUM grants")
        self.size(grants, "bytes per grant in the long run")


def flat(options, sizes, root, servers):
    """All sizes beside each other, since a machine that is slower for a minute would make one of them look worse."""
    benches, rows = {}, []
    for grants in sizes:
        servers.append(server_for(root, grants))
        benches[grants] = Bench(servers[-1], options)
        benches[grants].fill(0, grants)
        rows += benches[grants].rows
    works = {grants: bench.selects(grants, (4,)) | bench.lookups(grants) | bench.queue(grants) for grants, bench in benches.items()}
    for what in works[sizes[0]]:
        rounds = [{grants: works[grants][what]() for grants in sizes} for _ in range(options.rounds)]
        for grants in sizes:
            benches[grants].rows = rows
            benches[grants].report(grants, what, [each[grants] for each in rounds])
        growth = [each[sizes[-1]]["cpu_us"] / each[sizes[0]]["cpu_us"] for each in rounds]
        times = statistics.median(growth)
        print(f"  {'':<48} {times:5.2f} times the CPU at {sizes[-1]} of that at {sizes[0]} ({min(growth):.2f} to {max(growth):.2f})",
              flush=True)
        rows.append({"grants": sizes[-1], "what": f"growth: {what}", "times": times, "rounds": growth})
    return rows


def sqlite(grants, seconds):
    print(f"SQLite, {grants} grants", flush=True)
    subprocess.run([ROOT / "build/bin/store_bench", "--seconds", str(seconds), str(grants)], check=True)


def buffers(grants):
    """MB: what the largest size needs, with its indexes. How cost grows with what does not fit is the disk's to say."""
    return max(512, round(grants * 1.25 / 1000))


HUGE = pathlib.Path("/proc/sys/vm/nr_hugepages")


@contextlib.contextmanager
def huge_pages(megabytes):
    """For as long as this runs, PostgreSQL finds huge pages. Without them each new connection pays for each page that it touches
    for the first time, and what a turn of seconds measures is that: five times the CPU at a million grants, with or without Keyfob.
    """
    before, wanted = HUGE.read_text() if HUGE.exists() else "0", megabytes // 2 + 160
    with contextlib.suppress(OSError):
        HUGE.write_text(f"{wanted}\n")
    if not HUGE.exists() or int(HUGE.read_text()) < wanted:
        print("without huge pages (they need root and free memory): larger sizes cost more for that alone", flush=True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            HUGE.write_text(before)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grants", type=int, action="append", help="sizes, growing (default: 100000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="of each turn")
    parser.add_argument("--flat", action="store_true", help="no refreshes; how the cost of the rest grows with the size")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    sizes = options.grants or ([100_000, 1_000_000, 5_000_000] if options.flat else [100_000])
    root = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-bench-pg-"))
    root.chmod(0o755)
    servers = []
    try:
        with huge_pages(sum(map(buffers, sizes))) if options.flat else contextlib.nullcontext():
            rows = (flat if options.flat else beside_pgbench)(options, sizes, root, servers)
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1))
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(root, ignore_errors=True)


def server_for(root, grants):
    server = postgres.Server(root, name=f"of-{grants}", settings=(f"shared_buffers = {buffers(grants)}MB", "max_wal_size = 2GB"))
    subprocess.run([PROGRAM, server.url(), "create", "0", "0"], check=True)
    return server


def beside_pgbench(options, sizes, root, servers):
    servers.append(server_for(root, sizes[-1]))
    bench, before = Bench(servers[0], options), 0
    for grants in sizes:
        bench.fill(before, grants)
        bench.measure_reads(grants)
        bench.measure_long_run(grants)
        bench.measure_refreshes(grants)
        sqlite(grants, options.seconds)
        before = grants
    return bench.rows


if __name__ == "__main__":
    main()
