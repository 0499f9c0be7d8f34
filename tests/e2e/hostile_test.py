"""Hostile HTTP against the daemon: the tables of tests/hostile from both sides, and what needs time or a hand on the socket."""

import contextlib
import json
import pathlib
import queue
import socket
import threading
import time

import harness
import own_api
from own_api import reply

TABLES = pathlib.Path(__file__).resolve().parents[1] / "hostile"
LONG = "a" * 40000


def table(name):
    """The cases; the first element says what the fields mean."""
    return json.loads((TABLES / name).read_text())[1:]


class Wire:
    """A raw connection to the daemon."""

    def __init__(self, origin):
        parts = harness.urllib.parse.urlsplit(origin)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=harness.PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")

    def send(self, data):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def answer(self, method="GET"):
        """The next answer; its body is None when it was cut. None when the daemon has closed."""
        with contextlib.suppress(ConnectionResetError):
            line = self.stream.readline()
            if not line:
                return None
            status, headers = int(line.split()[1]), {}
            while (header := self.stream.readline().strip()):
                name, _, value = header.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            return harness.Answer(status, headers, self.body(method, status, headers))
        return None

    def body(self, method, status, headers):
        if method == "HEAD" or status < 200 or status in (204, 304):
            return b""
        try:
            if headers.get("transfer-encoding") != "chunked":
                length = int(headers["content-length"])
                body = self.stream.read(length)
                return body if len(body) == length else None
            body = b""
            while size := int(self.stream.readline(), 16):
                body += self.stream.read(size)
                self.stream.readline()
            self.stream.readline()
            return body
        except (ConnectionResetError, ValueError):
            return None

    def at_end(self):
        with contextlib.suppress(ConnectionResetError):
            return self.stream.read(1) == b""
        return True

    def close(self):
        self.stream.close()
        self.socket.close()


class Hostile(own_api.Case):
    config = {("server", "header_timeout"): '"1s"', ("server", "body_timeout"): '"1s"', ("upstream", "timeout"): '"2s"'}

    def wire(self):
        wire = Wire(self.world.daemon.origin)
        self.addCleanup(wire.close)
        return wire

    @property
    def authorization(self):
        return f"Authorization: Bearer {self.world.api_key}\r\n"

    def head(self, method="GET", path="/acme/car-1/x", *lines):
        return f"{method} {path} HTTP/1.1\r\nHost: k\r\n{self.authorization}" + "".join(f"{l}\r\n" for l in lines) + "\r\n"


class Requests(Hostile):
    def bytes_of(self, case):
        text = case.get("raw")
        if text is None:
            lines = "".join(f"{line}\r\n" for line in case.get("lines", []))
            text = f"{case.get('line', 'GET @PATH@ HTTP/1.1')}\r\nHost: k\r\n@AUTH@{lines}\r\n{case.get('body', '')}"
        for name, value in (("@PATH@", "/acme/car-1/x"), ("@OTHER@", "/acme/car-9/x"), ("@AUTH@", self.authorization),
                            ("@LONG@", LONG), ("@FIELDS@\r\n", "X-A: b\r\n" * 120)):
            text = text.replace(name, value)
        return text

    def test_every_request_of_the_table(self):
        cases = table("requests.json")
        self.assertGreater(len(cases), 120)
        for case in cases:
            with self.subTest(case["name"]):
                self.play(case)

    def play(self, case):
        self.requests.clear()
        wire = self.wire()
        wire.send(self.bytes_of(case) + self.head("GET", "/acme/car-1/smuggled", "Connection: close"))
        answer = wire.answer()
        wanted = case["status"]
        self.assertIn(answer.status, wanted if isinstance(wanted, list) else [wanted])
        self.assertIn(case.get("says", "").encode(), answer.body)
        forwarded, goes_on = case.get("forwarded", False), case.get("open", False) or case.get("forwarded", False)
        self.assertEqual(answer.code is None, forwarded)
        if goes_on:
            self.assertEqual(wire.answer().status, 200)
        self.assertTrue(wire.at_end())
        self.assertEqual([r.path for r in self.requests],
                         ["/acme/car-1/x"] * forwarded + ["/acme/car-1/smuggled"] * goes_on)
        if forwarded:
            request = self.requests[0]
            for name in case.get("absent", []):
                self.assertNotIn(name, request.headers)
            for name in case.get("present", []):
                self.assertIn(name, request.headers)
            self.assertEqual(request.body.decode("latin-1"), case.get("received", ""))
            self.assertEqual(request.token, self.pair["access_token"])


class Answers(Hostile):
    def script(self, peer):
        while request := peer.request():
            if request.path.endswith("/next"):
                peer.send(reply(200, b"next"))
                continue
            pieces = [self.case["answer"]] if isinstance(self.case["answer"], str) else self.case["answer"]
            for i, piece in enumerate(pieces):
                if i:
                    self.proceed.wait(harness.PATIENCE)
                piece = piece.replace("@BIG@", LONG).replace("@INTERIM@", "HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)
                peer.send(piece.encode("latin-1"))
            self.sent.set()
            if self.case["then"] == "hang":
                peer.read_all()
            if self.case["then"] == "reset":
                peer.reset()
            if self.case["then"] != "keep":
                return

    def test_every_answer_of_the_table(self):
        cases = table("answers.json")
        self.assertGreater(len(cases), 40)
        for case in cases:
            with self.subTest(case["name"]):
                self.play(case)

    def play(self, case):
        self.case, self.proceed, self.sent = case, threading.Event(), threading.Event()
        wire = self.wire()
        method = case.get("method", "GET")
        wire.send(self.head(method))
        later = threading.Timer(0.05, self.proceed.set)  # behind what the caller has by now
        later.start()
        answer = wire.answer(method)
        while answer.status // 100 == 1:
            answer = wire.answer(method)
        later.join()
        self.assertEqual((answer.status, answer.code), (case["status"], case.get("code")))
        if case.get("whole", True):
            self.assertIsNotNone(answer.body)
        else:
            self.assertIsNone(answer.body)
        if "body" in case:
            self.assertEqual(answer.body.decode("latin-1"), case["body"])
        for name in case.get("absent", []):
            self.assertNotIn(name, answer.headers)
        for name, value in case.get("header", {}).items():
            self.assertEqual(answer.headers[name], value)
        self.sent.wait(harness.PATIENCE)
        self.assertEqual(self.call(path="/acme/car-1/next").body, b"next")


class Turns(Hostile):
    """Whose turn it is decides how long is waited: what one side is slow to take is not the other's time. Several
    lengths, because it depends on them whether the last piece had to wait."""

    LENGTHS = [(4 << 20) + 7001 * i for i in range(24)]

    def script(self, peer):
        line = peer.stream.readline().decode()
        if line.startswith("GET"):
            length = int(line.split()[1].rsplit("/", 1)[1])
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * length) + bytes(length))
        peer.read_all()

    def on_all(self, one):
        found = queue.Queue()

        def run(length):
            started, answer = time.monotonic(), one(self.wire(), length)
            found.put((length, answer, time.monotonic() - started))
        threads = [threading.Thread(target=run, args=(length,)) for length in self.LENGTHS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found.qsize(), len(threads))
        for length, answer, took in found.queue:
            self.assertLess(took, 20, length)
            yield answer

    def test_a_caller_who_stops_after_the_api_was_slow_to_take_what_he_sent(self):
        def stop(wire, length):
            wire.send(self.head("POST", "/acme/car-1/x", f"Content-Length: {2 * length}") + "x" * length)
            return wire.answer()
        for answer in self.on_all(stop):
            self.assertEqual(answer.status, 408)

    def test_an_api_that_stops_after_the_caller_was_slow_to_take_what_it_sent(self):
        def read_slowly(wire, length):
            wire.send(self.head("GET", f"/acme/car-1/{length}"))
            while wire.socket.recv(8192):
                pass
            return wire.at_end()
        self.assertTrue(all(self.on_all(read_slowly)))


class Time(Hostile):
    """Slow and half-closed connections."""

    def answer(self, request):
        return reply(200, request.body)

    def test_a_head_that_comes_byte_by_byte_has_no_more_time_than_another(self):
        wire, started = self.wire(), time.monotonic()
        wire.send("GET /acme/car-1/x HTTP/1.1\r\n")
        stop = threading.Event()

        def trickle():
            while not stop.wait(0.1):
                wire.send("X-A: b\r\n")
        thread = threading.Thread(target=trickle)
        thread.start()
        self.assertEqual(wire.answer().status, 408)
        self.assertLess(time.monotonic() - started, 5)
        stop.set()
        thread.join()

    def test_a_body_that_stops_is_given_up_and_never_forwarded(self):
        for lines, part in ((("Content-Length: 10",), "five5"), (("Transfer-Encoding: chunked",), "5\r\nfive5\r\n")):
            wire = self.wire()
            wire.send(self.head("POST", "/acme/car-1/x", *lines) + part)
            self.assertEqual(wire.answer().status, 408)
            self.assertTrue(wire.at_end())
        self.assertEqual(self.requests, [])

    def test_a_large_body_that_stops_is_given_up_on_both_sides(self):
        wire = self.wire()
        wire.send(self.head("POST", "/acme/car-1/x", f"Content-Length: {8 << 20}") + "x" * (4 << 20))
        self.assertEqual(wire.answer().status, 408)
        self.assertEqual([r for r in self.requests if len(r.body) == 8 << 20], [])

    def test_slow_callers_do_not_slow_others(self):
        wires = [self.wire() for _ in range(200)]
        for wire in wires:
            wire.send("GET /acme/car-1/x HTTP/1.1\r\nX-A: ")
        started = time.monotonic()
        for _ in range(20):
            self.assertEqual(self.call().status, 200)
        self.assertLess(time.monotonic() - started, 2)

    def test_a_caller_that_has_finished_sending_gets_its_answer(self):
        wire = self.wire()
        wire.send(self.head("POST", "/acme/car-1/x", "Content-Length: 4") + "body")
        wire.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(wire.answer().body, b"body")
        self.assertTrue(wire.at_end())

    def test_a_caller_that_stops_in_mid_body_has_asked_for_nothing(self):
        wire = self.wire()
        wire.send(self.head("POST", "/acme/car-1/x", "Content-Length: 4") + "bo")
        wire.socket.shutdown(socket.SHUT_WR)
        self.assertTrue(wire.at_end())
        self.assertEqual(self.requests, [])

    def test_an_expectation_is_met_before_the_body_and_only_for_those_who_may(self):
        wire = self.wire()
        wire.send(self.head("POST", "/acme/car-1/x", "Content-Length: 4", "Expect: 100-continue"))
        self.assertEqual(wire.answer().status, 100)
        wire.send("body")
        self.assertEqual(wire.answer().body, b"body")
        self.assertNotIn("expect", self.requests[0].headers)
        wire = self.wire()
        wire.send("POST /acme/car-1/x HTTP/1.1\r\nHost: k\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(wire.answer().status, 401)
        self.assertTrue(wire.at_end())


class Early(Hostile):
    """An API that answers before it has the whole body, and then stops listening."""

    def script(self, peer):
        while (line := peer.stream.readline()) and line != b"\r\n":
            pass
        peer.send(reply(413, b"too large"))

    def test_its_answer_reaches_the_caller(self):
        for size in (900 << 10, 8 << 20):  # kept in memory, streamed
            wire = self.wire()
            sender = threading.Thread(target=wire.send, args=(self.head("POST", "/acme/car-1/x", f"Content-Length: {size}")
                                                              + "x" * size,))
            sender.start()
            answer = wire.answer()
            self.assertEqual((answer.status, answer.body), (413, b"too large"))
            wire.socket.shutdown(socket.SHUT_RDWR)
            sender.join()


class Injected(Hostile):
    """What is put into a request comes from an import: it cannot end a header."""

    def test_names_and_tokens_with_line_ends_are_not_taken(self):
        pair = self.sim.issue(client_id=harness.CLIENT_ID)
        body = {"user": "eve", "vehicles": ["car-3"], "access_token": pair["access_token"],
                "refresh_token": pair["refresh_token"], "expires_in": 7200}
        for field in ("user", "provider_user", "access_token", "refresh_token", "scope"):
            for evil in ("a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\u0000b"):
                answer = self.world.api("POST", "/v1/grants", body | {field: evil})
                self.assertEqual((answer.status, answer.code), (400, "bad_request"), (field, evil))
        answer = self.world.api("POST", "/v1/grants", body | {"vehicles": ["car-3\r\nX-Evil: 1"]})
        self.assertEqual(answer.status, 400)


if __name__ == "__main__":
    harness.main()
