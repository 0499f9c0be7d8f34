"""The parts of bench/run that load a whole daemon. Each returns what goes into its JSON file."""

import pathlib
import socket
import time

from lab import load
from lab.process import Bench, Trouble, memory_bytes
from lab.servers import CONNECTIONS, Keyfob, start_fixed, start_haproxy, start_keyfob, start_nginx, start_upstream

MIGRATIONS = pathlib.Path(__file__).resolve().parents[2] / "src/store/sqlite/migrations"
VEHICLES = 1000  # that are asked for in turn: one alone would be in every processor's nearest cache


def proxies(options, title, threads=1, tls=False):
    """nginx, HAProxy and Keyfob (as it comes, and as it is where io_uring is refused) before one upstream, in turns."""
    with Bench() as bench:
        upstream = start_upstream(bench, threads, tls)
        servers = [start_nginx(bench, upstream, threads, tls), start_haproxy(bench, upstream, threads, tls),
                   start_keyfob(bench, upstream, options.keyfob, threads, tls, VEHICLES),
                   start_keyfob(bench, upstream, options.keyfob, threads, tls, VEHICLES, "epoll")]
        asks = script(bench, "vehicles", VEHICLES, path="/v2.0/vehicles/vehicle-")
        load.in_turns(servers, options.rounds, options.seconds, dict.fromkeys(servers, asks))
        rows = load.rows_of(servers, servers[0])
    load.table(title, rows)
    return rows


def gateway(options):
    return proxies(options, "Reverse proxies before one upstream, one thread or worker each")


def tls(options):
    return proxies(options, "The same with TLS to the upstream", tls=True)


def two(options):
    return proxies(options, "The same, two threads or workers each", threads=2)


def idle(options):
    """What a keep-alive connection costs that has carried one request and waits for the next."""
    rows = []
    for start in (start_nginx, start_haproxy, lambda b, u: start_keyfob(b, u, options.keyfob)):
        with Bench() as bench:
            upstream = start_upstream(bench)
            server = start(bench, upstream)
            load.wrk(server, 1)
            before = memory_bytes(server.process.pid)
            held = hold_idle(server, min(options.idle, CONNECTIONS - 200))
            after = memory_bytes(server.process.pid)
            rows.append({"name": server.name, "connections": len(held), "bytes": (after - before) / len(held),
                         "total_mib": after / 2**20})
            for each in held:
                each.close()
    print(f"\nIdle keep-alive connections\n  {'':34} {'connections':>12} {'bytes each':>11} {'MiB in all':>11}")
    for row in rows:
        print(f"  {row['name']:34} {row['connections']:12} {row['bytes']:11.0f} {row['total_mib']:11.1f}", flush=True)
    return rows


def hold_idle(server, count):
    request = f"GET {server.path} HTTP/1.1\r\nHost: bench\r\n" + "".join(h + "\r\n" for h in server.headers) + "\r\n"
    held = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(request.encode())
        held.append(connection)
        answer = connection.recv(4096)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise Trouble(f"{server.name}: {answer[:80]}")
    time.sleep(0.5)
    return held


SCRIPT = """
local at, stride, count = {first}, {stride}, {count}
function request()
  at = at + stride
  return wrk.format("GET", "{path}" .. (at % count))
end
"""
STRIDE = 7919  # a prime: every vehicle once before any comes twice, and no two neighbours after each other


def script(bench, name, count, stride=STRIDE, first=0, path="/v1/token?vehicle=vehicle-"):
    file = bench.folder / f"{name}.lua"
    file.write_text(SCRIPT.format(first=first, stride=stride, count=count, path=path))
    return file


def with_grants(options, bench, count):
    """An installation with so many grants. Big ones are kept for the next time: a million take a minute and more to import."""
    schema = len(list(MIGRATIONS.glob("*.sql")))  # an older one would be migrated at each start
    kept = options.out / "grants" / f"{count}-schema-{schema}"
    place = kept if count >= 1_000_000 else bench.folder / f"grants-{count}"
    place.parent.mkdir(parents=True, exist_ok=True)
    done = place / "imported"
    keyfob = Keyfob(place, options.keyfob, "http://127.0.0.1:9")
    if not done.exists():
        for first in range(0, count, 200_000):
            keyfob.import_grants(min(200_000, count - first), first)
        done.touch()
    return keyfob


def token(options):
    """GET /v1/token beside an nginx that answers a fixed body: not in memory yet, then in memory."""
    rows, memory = [], []
    for count in options.grants:
        with Bench() as bench:
            keyfob = with_grants(options, bench, count)
            fixed = start_fixed(bench)
            warm = keyfob.serve(bench, name=f"Keyfob, {count} grants", event_loop=options.event_loop)
            empty = memory_bytes(warm.process.pid)
            cold, known = look_up_all(bench, warm, count, options.cold_seconds)
            memory.append({"grants": count, "in_memory": known, "rss_mib": memory_bytes(warm.process.pid) / 2**20,
                           "bytes_per_grant": (memory_bytes(warm.process.pid) - empty) / max(known, 1)})
            scripts = {warm: script(bench, "warm", known, stride=1 if known % STRIDE == 0 else STRIDE)}
            load.in_turns([fixed, warm], options.rounds, options.seconds, scripts)
            two_rows = load.rows_of([fixed, warm], fixed)
            if not rows:
                rows.append(two_rows[0])
            rows.append(two_rows[1])
            if cold:
                rows.append({**cold, "name": "  the same, not in memory", "cpu_ratio": cold["cpu_us"] / two_rows[0]["cpu_us"]})
    load.table("GET /v1/token beside a fixed answer", rows)
    print(f"\n  {'grants in the store':>20} {'in memory':>12} {'MiB in all':>11} {'bytes each in memory':>21}")
    for row in memory:
        print(f"  {row['grants']:20} {row['in_memory']:12} {row['rss_mib']:11.1f} {row['bytes_per_grant']:21.0f}", flush=True)
    return {"rows": rows, "memory": memory}


def look_up_all(bench, server, count, seconds):
    """Asks for every vehicle once, or for as many as fit into the time. The first run's figures are those of tokens that have to be
    read from the store, unless there were so few that they came twice."""
    cold, asked, end = None, 0, time.monotonic() + seconds
    while asked < count and time.monotonic() < end:
        run = load.wrk(server.at("/"), 1 if count <= 10_000 else 3, script(bench, "cold", count, stride=1, first=asked))
        asked += run["requests"]
        if cold is None and asked <= count:
            cold = run
    return cold, min(asked, count)


PARTS = {"gateway": gateway, "tls": tls, "two": two, "token": token, "idle": idle}
