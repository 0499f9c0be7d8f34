"""A gigabyte streams either way in constant memory. Prints what it measured."""

import contextlib
import os
import pathlib
import socket
import time

import harness
import own_api

MIB = 1 << 20
BLOCKS = 1024
FILLER = bytes(range(256)) * (MIB // 256)


def block(i):
    """A mebibyte that knows its place."""
    return i.to_bytes(8, "big") + FILLER[8:]


class Gigabyte(own_api.Case):
    def script(self, peer):
        connection = peer.socket
        while line := peer.stream.readline():
            length = 0
            while (header := peer.stream.readline().strip()):
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            if line.startswith(b"GET"):
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (BLOCKS * MIB))
                self.write_blocks(connection)
            else:
                self.received = self.read_blocks(peer.stream, length // MIB)
                peer.send(own_api.reply(200, b"got it"))

    def write_blocks(self, connection):
        for i in range(BLOCKS):
            connection.sendall(block(i))
            self.look()

    def read_blocks(self, stream, count):
        """How many blocks came as they should."""
        buffer = memoryview(bytearray(MIB))
        for i in range(count):
            got = 0
            while got < MIB and (piece := stream.readinto(buffer[got:])):
                got += piece
            if got < MIB or buffer != block(i):
                return i
        return count

    def look(self):
        status = pathlib.Path(f"/proc/{self.world.daemon.pid}/status").read_text()
        self.rss.append(int(status.split("VmRSS:")[1].split()[0]) * 1024)

    def cpu(self):
        """Seconds that the daemon has worked."""
        fields = pathlib.Path(f"/proc/{self.world.daemon.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @contextlib.contextmanager
    def constant_memory(self, what):
        self.rss, started = [], time.monotonic()
        self.look()
        before, worked = self.rss[0], self.cpu()
        yield
        seconds = time.monotonic() - started
        print(f"\n{what}: {BLOCKS / seconds:.0f} MiB/s with {self.cpu() - worked:.2f} s of the daemon's CPU, RSS {before / MIB:.1f} MiB before, "
              f"{max(self.rss) / MIB:.1f} at most, {self.rss[-1] / MIB:.1f} after", flush=True)
        self.assertGreater(len(self.rss), BLOCKS // 2)
        self.assertLess(max(self.rss) - before, 8 * MIB)

    def connect(self, head):
        parts = harness.urllib.parse.urlsplit(self.world.daemon.origin)
        connection = socket.create_connection((parts.hostname, parts.port), timeout=harness.PATIENCE)
        self.addCleanup(connection.close)
        connection.sendall(f"{head} HTTP/1.1\r\nHost: k\r\nAuthorization: Bearer {self.world.api_key}\r\n".encode())
        return connection

    def test_an_answer_of_a_gigabyte(self):
        with self.constant_memory("1 GiB down"):
            connection = self.connect("GET /acme/car-1/x")
            connection.sendall(b"\r\n")
            stream = connection.makefile("rb")
            while stream.readline().strip():
                pass
            self.assertEqual(self.read_blocks(stream, BLOCKS), BLOCKS)
            stream.close()

    def test_a_request_of_a_gigabyte(self):
        with self.constant_memory("1 GiB up"):
            connection = self.connect("POST /acme/car-1/x")
            connection.sendall(b"Content-Length: %d\r\n\r\n" % (BLOCKS * MIB))
            self.write_blocks(connection)
            self.assertIn(b"got it", connection.recv(65536))
            self.assertEqual(self.received, BLOCKS)


if __name__ == "__main__":
    harness.main()
