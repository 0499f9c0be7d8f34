#!/usr/bin/env python3
"""naive_client.py ORIGIN FILE: what most backends do. Uses each refresh token in FILE, then stores the pair that comes back.

It writes a new file beside the old one, syncs and renames, so no pair is ever half written. What it does not do is to note
beforehand that it is about to use a token.
"""

import json
import os
import pathlib
import sys
import threading
import urllib.parse
import urllib.request

CLIENT = ("8229df9f-91a0-4ff0-a1ae-a1f38ee24d07", "planted-client-secret-5e1f7c2a")


class Naive:
    def __init__(self, origin, file):
        self.origin, self.file, self.lock = origin, pathlib.Path(file), threading.Lock()
        self.pairs = json.loads(self.file.read_text())

    def refresh(self, user):
        form = {"grant_type": "refresh_token", "refresh_token": self.pairs[user]["refresh_token"],
                "client_id": CLIENT[0], "client_secret": CLIENT[1]}
        with urllib.request.urlopen(f"{self.origin}/oauth/token", urllib.parse.urlencode(form).encode()) as answer:
            pair = json.load(answer)
        with self.lock:
            self.pairs[user].update(pair)
            new = self.file.with_suffix(".new")
            with open(new, "w", encoding="utf-8") as file:
                json.dump(self.pairs, file)
                file.flush()
                os.fsync(file.fileno())
            new.rename(self.file)

    def refresh_all(self):
        threads = [threading.Thread(target=self.refresh, args=(user,)) for user in self.pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    Naive(*sys.argv[1:3]).refresh_all()
