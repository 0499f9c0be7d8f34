"""Large bodies stream both ways through a provider of one's own: a few lines of configuration and a small server."""

import hashlib
import http.server
import pathlib
import threading

import harness

MIB = 1 << 20
LARGE = 24 * MIB


class Api(http.server.BaseHTTPRequestHandler):
    """Answers what is asked for, and digests what is sent."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        size = int(self.path.rsplit("/", 1)[1])
        chunked = "/chunked/" in self.path
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(size))))
        self.end_headers()
        for at in range(0, size, MIB):
            piece = bytes([at // MIB % 251]) * min(MIB, size - at)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read(min(left, MIB))
            left -= len(piece)
            yield piece

    def do_POST(self):
        digest, size = hashlib.sha256(), 0
        for piece in self.body():
            digest.update(piece)
            size += len(piece)
        refused = self.headers["Authorization"] == f"Bearer {self.server.stale}"
        self.server.posts.append((size, refused))
        answer = f"{size} {digest.hexdigest()}".encode()
        self.send_response(401 if refused else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


class Streaming(harness.Case):
    start = False

    def setUp(self):
        super().setUp()
        self.api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
        self.api.daemon_threads, self.api.posts, self.api.stale = True, [], None
        threading.Thread(target=self.api.serve_forever, daemon=True).start()
        self.addCleanup(self.api.server_close)
        self.addCleanup(self.api.shutdown)
        origin = f"http://127.0.0.1:{self.api.server_port}"
        with open(self.world.config_file, "a") as config:
            config.write(f'\n[providers.acme]\ntoken_url = "{self.sim.origin}/oauth/token"\nreuse_window = "60s"\n'
                         f'[[providers.acme.routes]]\nmatch = "/acme/{{vehicle}}/**"\norigin = "{origin}"\n')
        self.world.serve()
        self.world.add_app("acme", "--provider", "acme")
        self.world.api_key = self.world.add_caller("backend", "gateway,grant:write,token:read", app="acme")
        self.pair = self.world.import_grant("ann", pair=self.sim.issue(client_id=harness.CLIENT_ID) | {"vehicles": ["car-1"]})

    def rss(self):
        status = pathlib.Path(f"/proc/{self.world.daemon.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def test_a_large_answer_streams(self):
        self.world.api("GET", f"/acme/car-1/plain/{MIB}")
        before = self.rss()
        for kind in ("plain", "chunked"):
            answer = self.assert_answer(self.world.api("GET", f"/acme/car-1/{kind}/{LARGE}"), 200)
            self.assertEqual(len(answer.body), LARGE)
            expected = b"".join(bytes([i]) * MIB for i in range(LARGE // MIB))
            self.assertEqual(hashlib.sha256(answer.body).digest(), hashlib.sha256(expected).digest())
        self.assertLess(self.rss() - before, 12 * MIB)

    def test_a_large_request_streams(self):
        body = bytes(range(256)) * (LARGE // 256)
        self.world.api("POST", "/acme/car-1/x", body[:MIB])
        before = self.rss()
        answer = self.assert_answer(self.world.api("POST", "/acme/car-1/x", body), 200)
        self.assertEqual(answer.body.decode(), f"{LARGE} {hashlib.sha256(body).hexdigest()}")
        self.assertLess(self.rss() - before, 12 * MIB)

    def test_a_body_that_fits_is_replayed_and_a_larger_one_is_not(self):
        self.api.stale = self.pair["access_token"]
        answer = self.world.api("POST", "/acme/car-1/x", b"l" * (2 * MIB))
        self.assertEqual((answer.status, self.api.posts), (401, [(2 * MIB, True)]))
        self.api.posts.clear()
        answer = self.world.api("POST", "/acme/car-1/x", b"s" * (MIB // 2))
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.api.posts[-1], (MIB // 2, False))


if __name__ == "__main__":
    harness.main()
