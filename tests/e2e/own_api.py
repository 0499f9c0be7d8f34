"""An API of one's own behind the gateway: every byte it says is the test's. The simulator stays the token endpoint.

    class Something(own_api.Case):
        def answer(self, request):
            return own_api.reply(200, b"hello")
"""

import contextlib
import socket
import struct
import threading

import harness


class Request:
    """One request as it came: `line`, `headers` (names in lower case), `body` (decoded)."""

    def __init__(self, line, headers, body):
        self.line, self.headers, self.body = line, headers, body
        self.method, self.path = line.split(" ")[:2]

    @property
    def token(self):
        return self.headers.get("authorization", "").removeprefix("Bearer ")


def reply(status, body=b"", *lines):
    head = [f"HTTP/1.1 {status} Because", *lines, f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Peer:
    """One connection from the gateway."""

    def __init__(self, connection, number):
        self.socket, self.number = connection, number
        self.stream = connection.makefile("rb")

    def request(self):
        """The next request; None when the gateway has closed."""
        line = self.stream.readline().decode("latin-1").rstrip("\r\n")
        if not line:
            return None
        headers = {}
        while (header := self.stream.readline().decode("latin-1").rstrip("\r\n")):
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        return Request(line, headers, self.body(headers))

    def body(self, headers):
        if headers.get("transfer-encoding") != "chunked":
            return self.stream.read(int(headers.get("content-length", 0)))
        body = b""
        while size := int(self.stream.readline(), 16):
            body += self.stream.read(size)
            self.stream.readline()
        self.stream.readline()
        return body

    def send(self, data):
        self.socket.sendall(data)

    def read_all(self):
        with contextlib.suppress(OSError):
            while self.socket.recv(65536):
                pass

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.stream.close()
        self.socket.close()


class Origin:
    """Listens on a free port; each connection runs `script(peer)` on a thread of its own and is closed after it."""

    def __init__(self, script):
        self.script, self.connections = script, 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection, self.connections), daemon=True).start()

    def serve(self, connection, number):
        with contextlib.suppress(OSError, ValueError), connection:
            self.script(Peer(connection, number))

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Case(harness.Case):
    """A world whose application "acme" reaches the test's own API under /acme/{vehicle}/**. `requests` is what it saw."""

    start = False
    vehicles = ("car-1",)

    def setUp(self):
        super().setUp()
        self.requests, self.lock = [], threading.Lock()
        self.origin = Origin(self.script)
        self.addCleanup(self.origin.close)
        with open(self.world.config_file, "a") as config:
            config.write(f'\n[providers.acme]\ntoken_url = "{self.sim.origin}/oauth/token"\nreuse_window = "60s"\n'
                         f'[[providers.acme.routes]]\nmatch = "/acme/{{vehicle}}/**"\norigin = "{self.origin.url}"\n')
        self.world.serve()
        self.world.add_app("acme", "--provider", "acme")
        self.world.api_key = self.world.add_caller("backend", "gateway,grant:read,grant:write,token:read", app="acme")
        self.pair = self.import_owner("ann", self.vehicles)

    def import_owner(self, user, vehicles):
        pair = self.sim.issue(client_id=harness.CLIENT_ID) | {"vehicles": list(vehicles)}
        return self.world.import_grant(user, pair=pair)

    def script(self, peer):
        while request := peer.request():
            with self.lock:
                self.requests.append(request)
            peer.send(self.answer(request))

    def answer(self, request):
        return reply(200, request.body)

    def call(self, method="GET", path="/acme/car-1/x", body=None, headers=None, **how):
        return self.world.api(method, path, body, headers, **how)
