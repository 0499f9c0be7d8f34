"""A restart under load: connections wait in the queue of the socket's owner, and no request fails."""

import http.client
import socket
import threading
import time
import urllib.parse

import harness

LISTEN_FD = 3


class Inherited(harness.Case):
    """What systemd does with keyfob.socket: the socket belongs to us, each process inherits it."""

    start = False

    def setUp(self):
        super().setUp()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.addCleanup(self.listener.close)

    def serve(self):
        """A shell becomes keyfob, so that LISTEN_PID is right."""
        fd = self.listener.fileno()
        command = (f"exec {LISTEN_FD}<&{fd}; LISTEN_PID=$$ LISTEN_FDS=1 "
                   f"exec '{harness.BIN}/keyfob' --config '{self.world.config_file}' serve")
        self.world.daemon = harness.Program(["/bin/bash", "-c", command], self.world.root / "keyfob.log",
                                            r"keyfob listening on (http://[^\s,]+)", pass_fds=(fd,))
        self.assertEqual(urllib.parse.urlsplit(self.world.daemon.origin).port, self.listener.getsockname()[1])

    def prepare(self):
        self.serve()
        self.world.add_app()
        self.world.api_key = self.world.add_caller("backend", "gateway,token:read,grant:read,grant:write")
        self.world.import_grant("ann")

    def load(self, keep_alive, stop, counts, failures):
        """Requests, one after the other, until `stop`. A connection that was told to close is opened anew."""
        host, port = self.listener.getsockname()
        headers = {"Authorization": f"Bearer {self.world.api_key}"}
        connection = None
        while not stop.is_set():
            try:
                connection = connection or http.client.HTTPConnection(host, port, timeout=harness.PATIENCE * 2)
                connection.request("GET", "/v1/token?user=ann", headers=headers)
                answer = connection.getresponse()
                answer.read()
                counts[answer.status] = counts.get(answer.status, 0) + 1
                if answer.will_close or not keep_alive:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as problem:
                failures.append(repr(problem))
                connection = None
        if connection is not None:
            connection.close()

    def restart_under_load(self, keep_alive):
        self.prepare()
        stop, counts, failures = threading.Event(), {}, []
        threads = [threading.Thread(target=self.load, args=(keep_alive, stop, counts, failures)) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                before = counts.get(200, 0)
                harness.eventually(lambda b=before: counts.get(200, 0) > b + 20, "requests are answered")
                self.assertEqual(self.world.daemon.stop(), 0)
                self.serve()
            before = counts.get(200, 0)
            harness.eventually(lambda: counts.get(200, 0) > before + 20, "requests are answered after the last restart")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(set(counts), {200}, counts)
        print(f"{'keep-alive' if keep_alive else 'one request a connection'}: {counts[200]} requests, 3 restarts, 0 failed")

    def test_no_request_fails_when_each_has_a_connection_of_its_own(self):
        self.restart_under_load(keep_alive=False)

    def test_no_request_fails_on_connections_that_are_kept(self):
        self.restart_under_load(keep_alive=True)

    def test_a_connection_made_while_no_process_runs_is_answered_by_the_next(self):
        self.prepare()
        self.world.daemon.stop()
        with socket.create_connection(self.listener.getsockname(), timeout=harness.PATIENCE * 2) as waiting:
            waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: keyfob\r\nConnection: close\r\n\r\n")
            self.serve()
            answer = b""
            end = time.monotonic() + harness.PATIENCE
            while b"\r\n\r\n" not in answer and time.monotonic() < end:
                answer += waiting.recv(65536)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)


if __name__ == "__main__":
    harness.main()
