"""The servers: nginx and HAProxy as proxies, nginx as upstream and as a fixed answer, Keyfob."""

import json
import pathlib
import re
import resource
import subprocess

from lab.process import Trouble, find, free_port

TOKEN = "36ab27d0-fd9d-4455-823a-ce30af709ffc"
BODY = json.dumps({"id": TOKEN, "make": "TESLA", "model": "Model 3", "year": 2021, "filler": "x" * 200})
PATH = "/v2.0/vehicles/vehicle-0"
# What each may hold at once. HAProxy wants two descriptors for each.
CONNECTIONS = min(12000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2 - 100)


class Server:
    """Something that listens and can be asked."""

    def __init__(self, name, port, process, path=PATH, headers=()):
        self.name, self.port, self.process, self.path, self.headers = name, port, process, path, list(headers)
        self.runs = []

    def at(self, path, name=None):
        """The same server under another path, with figures of its own."""
        return Server(name or self.name, self.port, self.process, path, self.headers)


def certificate(bench):
    """A certificate for 127.0.0.1 that is its own authority."""
    key, cert = bench.folder / "upstream.key", bench.folder / "upstream.pem"
    if not cert.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
                       check=True, capture_output=True)
    return key, cert


def nginx(bench, name, servers, threads=1):
    place = bench.place(name)
    file = place / "nginx.conf"
    file.write_text(f"""daemon off; worker_processes {threads}; pid {place}/pid; error_log {place}/error.log; worker_rlimit_nofile {CONNECTIONS * 2};
events {{ worker_connections {CONNECTIONS * 2}; }}
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; client_body_temp_path {place}; proxy_temp_path {place};
fastcgi_temp_path {place}; uwsgi_temp_path {place}; scgi_temp_path {place};
{servers} }}""")
    return [find("nginx"), "-p", str(place), "-c", str(file), "-e", str(place / "error.log")]


def start_upstream(bench, threads=1, tls=False):
    port = free_port()
    listen = f"listen 127.0.0.1:{port}" + (" ssl" if tls else "")
    keys = ""
    if tls:
        key, cert = certificate(bench)
        keys = f"ssl_certificate {cert}; ssl_certificate_key {key};"
    server = f"server {{ {listen} backlog=4096; {keys} default_type application/json; return 200 '{BODY}'; }}"
    process = bench.start(nginx(bench, f"upstream-{port}", server, threads), port)
    return Server("upstream", port, process)


def start_nginx(bench, upstream, threads=1, tls=False):
    port = free_port()
    verify = ""
    if tls:
        verify = f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {certificate(bench)[1]}; proxy_ssl_name 127.0.0.1;"
    server = f"""upstream up {{ server 127.0.0.1:{upstream.port}; keepalive 128; keepalive_requests 1000000000; }}
server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass {"https" if tls else "http"}://up; proxy_http_version 1.1; {verify}
proxy_set_header Connection ""; proxy_set_header Authorization "Bearer {TOKEN}"; }} }}"""
    return Server("nginx", port, bench.start(nginx(bench, f"proxy-{port}", server, threads), port))


def start_fixed(bench, threads=1):
    port = free_port()
    answer = json.dumps({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 7000, "grant": "g_abcdefghijklmnopqrst",
                         "user": "user-0", "vehicles": ["vehicle-0"], "scope": ""})
    server = f"server {{ listen 127.0.0.1:{port} backlog=4096; default_type application/json; return 200 '{answer}'; }}"
    return Server("nginx, fixed body", port, bench.start(nginx(bench, f"fixed-{port}", server, threads), port), "/")


def start_haproxy(bench, upstream, threads=1, tls=False):
    port = free_port()
    file = bench.folder / f"haproxy-{port}.cfg"
    verify = f" ssl verify required ca-file {certificate(bench)[1]}" if tls else ""
    file.write_text(f"""global
  nbthread {threads}
  maxconn {CONNECTIONS}
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout http-keep-alive 600s
  timeout server 60s
  http-reuse always
frontend in
  bind 127.0.0.1:{port}
  http-request set-header Authorization "Bearer {TOKEN}"
  default_backend up
backend up
  server up 127.0.0.1:{upstream.port} pool-max-conn 256{verify}
""")
    return Server("HAProxy", port, bench.start([find("haproxy"), "-f", str(file), "-db"], port))


class Keyfob:
    """One installation: made once, served as often as wanted."""

    def __init__(self, place, binary, upstream_url, ca_file=None):
        self.place, self.binary, self.config = pathlib.Path(place), str(binary), pathlib.Path(place) / "keyfob.toml"
        self.keyfile = self.place / "api-key"
        if not self.config.exists():
            self.make()
        self.point_to(upstream_url, ca_file)

    def make(self):
        subprocess.run([self.binary, "init", "--dir", str(self.place)], check=True, capture_output=True)
        self.cli("app", "add", "bench", "--client-id", "bench", "--client-secret", "-", stdin="bench-secret\n")
        made = self.cli("caller", "add", "bench", "--app", "bench", "--allow", "gateway,token:read")
        self.keyfile.touch(0o600)
        self.keyfile.write_text(json.loads(made)["api_key"])

    def point_to(self, url, ca_file):
        text = self.config.read_text().split("\n# --- bench", 1)[0]
        text += f'\n# --- bench\n[providers.smartcar]\nall_origins = "{url}"\n'
        if ca_file:
            text += f'[upstream]\nca_file = "{ca_file}"\n'
        self.config.write_text(text)

    def cli(self, *args, stdin=None):
        done = subprocess.run([self.binary, "--config", str(self.config), "--json", *args], input=stdin, capture_output=True, text=True)
        if done.returncode != 0:
            raise Trouble(f"keyfob {args[0]} {args[1]} failed: {done.stderr}")
        return done.stdout

    def import_grants(self, count, first=0):
        """user-N with vehicle-N, whose tokens outlive every benchmark."""
        file = self.place / "grants.jsonl"
        with file.open("w") as out:
            for i in range(first, first + count):
                out.write(f'{{"user":"user-{i}","vehicles":["vehicle-{i}"],"access_token":"{TOKEN[:-8]}{i:08d}",'
                          f'"refresh_token":"7d7d7d7d-2222-4b4b-9c9c-{i:012d}","expires_in":300000000}}\n')
        self.cli("grant", "import", str(file), "--app", "bench")
        file.unlink()

    def serve(self, bench, threads=1, under=(), patience=20.0, name="Keyfob", event_loop="auto"):
        """`under`: a command to run it under (strace, valgrind)."""
        port = free_port()
        text = re.sub(r"^(listen|threads|event_loop) = .*\n", "", self.config.read_text(), flags=re.M)
        own = f'[server]\nlisten = ["127.0.0.1:{port}"]\nthreads = {threads}\nevent_loop = "{event_loop}"\n'
        self.config.write_text(text.replace("[server]\n", own, 1))
        process = bench.start([*under, self.binary, "--config", str(self.config), "serve"], port, patience)
        return Server(name, port, process, PATH, [f"Authorization: Bearer {self.keyfile.read_text()}"])


def start_keyfob(bench, upstream, binary, threads=1, tls=False, grants=1, event_loop="auto"):
    keyfob = Keyfob(bench.place(f"keyfob-{event_loop}-{upstream.port}") / "node", binary, f"{'https' if tls else 'http'}://127.0.0.1:{upstream.port}",
                    certificate(bench)[1] if tls else None)
    keyfob.import_grants(grants)
    return keyfob.serve(bench, threads, name="Keyfob" if event_loop == "auto" else f"Keyfob, {event_loop}", event_loop=event_loop)
