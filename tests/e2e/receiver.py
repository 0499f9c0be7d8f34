"""A backend that is told things: keeps what it was posted, and says no when it is asked to."""

import hashlib
import hmac
import http.server
import json
import threading


class Delivery:
    """One POST: headers with names in lower case, the raw body, the JSON in it."""

    def __init__(self, headers, body):
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body
        self.json = json.loads(body)

    def signed_with(self, key, header="keyfob-signature"):
        return self.headers.get(header) == hmac.new(key.encode(), self.body, hashlib.sha256).hexdigest()

    def __repr__(self):
        return f"<{self.json.get('event') or self.json.get('eventType')} {self.json}>"


class Receiver:
    def __init__(self, port=0):
        self.deliveries, self.refused = [], 0
        self.refuse = lambda delivery: False  # decides for each delivery whether it is answered 500
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                delivery = Delivery(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
                no = owner.refuse(delivery)
                if no:
                    owner.refused += 1
                else:
                    owner.deliveries.append(delivery)
                self.send_response(500 if no else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/told"

    def names(self, grant=None):
        """The events in the order of their arrival, repetitions aside; of one grant."""
        seen, names = set(), []
        for delivery in list(self.deliveries):
            body = delivery.json
            if body["id"] not in seen and (grant is None or body.get("grant") == grant):
                seen.add(body["id"])
                names.append(body["event"])
        return names

    def close(self):
        self.server.shutdown()
        self.server.server_close()
