#!/usr/bin/env python3
"""bench/gateway.py [--rounds N] [--seconds S] [--json FILE] [--bin DIR]: what the gateway costs beside nginx and HAProxy.

The three stand as reverse proxies before the same nginx upstream (a fixed 300-byte JSON), one thread or worker each, and get the same
wrk load (64 keep-alive connections) in turns. nginx and HAProxy set a fixed Authorization header; Keyfob authenticates the caller,
matches the route, finds the grant, opens the sealed token and injects it. CPU is utime + stime of the proxy alone, per request.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BODY = json.dumps({"id": "36ab27d0-fd9d-4455-823a-ce30af709ffc", "make": "TESLA", "model": "Model 3", "year": 2021,
                   "filler": "x" * 200})
CONNECTIONS = 64
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, process):
    for _ in range(200):
        if process.poll() is not None:
            sys.exit(f"bench: {process.args[0]} ended early")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"bench: nothing listens on {port}")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def children(pid):
    return [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Proxy:
    def __init__(self, name, port, process, path, headers):
        self.name, self.port, self.process, self.path, self.headers = name, port, process, path, headers
        self.runs = []

    def cpu(self):
        return sum(cpu_seconds(p) for p in [self.process.pid, *children(self.process.pid)])

    def run(self, seconds):
        before = self.cpu()
        args = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
        for header in self.headers:
            args += ["-H", header]
        out = subprocess.run([*args, f"http://127.0.0.1:{self.port}{self.path}"], capture_output=True, text=True, check=True).stdout
        cpu = self.cpu() - before
        requests = int(re.search(r"(\d+) requests in", out).group(1))
        if "Non-2xx" in out:
            sys.exit(f"bench: {self.name} answered with errors\n{out}")
        return {"cpu_us": cpu / requests * 1e6, "per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
                "p50_ms": latency(out, "50%"), "p99_ms": latency(out, "99%")}


def latency(out, mark):
    value, unit = re.search(rf"{mark}\s+([\d.]+)(us|ms|s)", out).groups()
    return float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def nginx(folder, name, config):
    place = folder / name
    place.mkdir()
    file = place / "nginx.conf"
    file.write_text(f"""daemon off; worker_processes 1; pid {place}/pid; error_log {place}/error.log; events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {place}; proxy_temp_path {place};
fastcgi_temp_path {place}; uwsgi_temp_path {place}; scgi_temp_path {place};
{config} }}""")
    return subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(place), "-c", str(file)], stderr=subprocess.DEVNULL)


def start_upstream(folder):
    port = free_port()
    process = nginx(folder, "upstream", f"server {{ listen 127.0.0.1:{port}; default_type application/json; return 200 '{BODY}'; }}")
    wait_for(port, process)
    return port, process


def start_nginx(folder, upstream):
    port = free_port()
    process = nginx(folder, "proxy", f"""upstream up {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}
server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
proxy_set_header Authorization "Bearer 36ab27d0-fd9d-4455-823a-ce30af709ffc"; }} }}""")
    wait_for(port, process)
    return Proxy("nginx", port, process, "/v2.0/vehicles/vehicle-1", [])


def start_haproxy(folder, upstream):
    port = free_port()
    file = folder / "haproxy.cfg"
    file.write_text(f"""global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind 127.0.0.1:{port}
  http-request set-header Authorization "Bearer 36ab27d0-fd9d-4455-823a-ce30af709ffc"
  default_backend up
backend up
  server up 127.0.0.1:{upstream} pool-max-conn 128
""")
    process = subprocess.Popen([shutil.which("haproxy") or "/usr/sbin/haproxy", "-f", str(file), "-db"], stderr=subprocess.DEVNULL)
    wait_for(port, process)
    return Proxy("HAProxy", port, process, "/v2.0/vehicles/vehicle-1", [])


def keyfob_cli(binary, config, *args, stdin=None):
    done = subprocess.run([binary, "--config", str(config), "--json", *args], input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: keyfob {args[0]} {args[1]} failed: {done.stderr}")
    return done.stdout


def start_keyfob(folder, upstream, binary):
    place = folder / "keyfob"
    subprocess.run([binary, "init", "--dir", str(place)], check=True, capture_output=True)
    config = place / "keyfob.toml"
    port = free_port()
    text = re.sub(r'^listen = .*$', f'listen = ["127.0.0.1:{port}"]', config.read_text(), flags=re.M)
    text = re.sub(r'^#? ?threads = .*$', "threads = 1", text, flags=re.M)
    config.write_text(text + f'\n[providers.smartcar]\nall_origins = "http://127.0.0.1:{upstream}"\n')
    keyfob_cli(binary, config, "app", "add", "bench", "--client-id", "bench", "--client-secret", "-", stdin="bench-secret\n")
    key = json.loads(keyfob_cli(binary, config, "caller", "add", "bench", "--app", "bench", "--allow", "gateway,token:read"))["api_key"]
    grants = folder / "grants.jsonl"
    grants.write_text(json.dumps({"user": "user-1", "vehicles": ["vehicle-1"], "access_token": "36ab27d0-fd9d-4455-823a-ce30af709ffc",
                                  "refresh_token": "7d7d7d7d-2222-4b4b-9c9c-3d3d3d3d3d3d", "expires_in": 7200}) + "\n")
    keyfob_cli(binary, config, "grant", "import", str(grants), "--app", "bench")
    process = subprocess.Popen([binary, "--config", str(config), "serve"], stderr=subprocess.DEVNULL)
    wait_for(port, process)
    headers = [f"Authorization: Bearer {key}"]
    return Proxy("Keyfob", port, process, "/v2.0/vehicles/vehicle-1", headers), Proxy("Keyfob /v1/token", port, process,
                                                                                       "/v1/token?vehicle=vehicle-1", headers)


def start_fixed(folder):
    port = free_port()
    answer = json.dumps({"access_token": "36ab27d0-fd9d-4455-823a-ce30af709ffc", "token_type": "Bearer", "expires_in": 7000,
                         "grant": "g_abcdefghijklmnopqrst", "user": "user-1", "vehicles": ["vehicle-1"], "scope": ""})
    process = nginx(folder, "fixed", f"server {{ listen 127.0.0.1:{port}; default_type application/json; return 200 '{answer}'; }}")
    wait_for(port, process)
    return Proxy("nginx, fixed body", port, process, "/", [])


def median(proxy, figure):
    return statistics.median(run[figure] for run in proxy.runs)


def report(title, proxies, reference):
    print(f"\n{title}\n  {'':22} {'requests/s':>11} {'p50 ms':>8} {'p99 ms':>8} {'CPU us/request':>15} {'CPU ratio':>10}")
    rows = []
    for proxy in proxies:
        row = {"name": proxy.name, "cpu_ratio": median(proxy, "cpu_us") / median(reference, "cpu_us"),
               **{k: median(proxy, k) for k in proxy.runs[0]}}
        rows.append(row)
        print(f"  {row['name']:22} {row['per_second']:11.0f} {row['p50_ms']:8.2f} {row['p99_ms']:8.2f} {row['cpu_us']:15.2f} "
              f"{row['cpu_ratio']:10.2f}")
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--json")
    parser.add_argument("--bin", default=str(ROOT / "build" / "bin"))
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-bench-"))
    started = []
    try:
        upstream, process = start_upstream(folder)
        started.append(process)
        proxies = [start_nginx(folder, upstream), start_haproxy(folder, upstream)]
        keyfob, token = start_keyfob(folder, upstream, str(pathlib.Path(options.bin) / "keyfob"))
        fixed = start_fixed(folder)
        proxies.append(keyfob)
        started += [p.process for p in [*proxies, fixed]]
        for proxy in [*proxies, fixed, token]:
            proxy.run(1)
        for _ in range(options.rounds):
            for proxy in [*proxies, fixed, token]:
                proxy.runs.append(proxy.run(options.seconds))
        results = {"gateway": report("Reverse proxies before one upstream", proxies, proxies[0]),
                   "token": report("GET /v1/token beside a fixed answer", [fixed, token], fixed)}
        if options.json:
            pathlib.Path(options.json).write_text(json.dumps(results, indent=2) + "\n")
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
