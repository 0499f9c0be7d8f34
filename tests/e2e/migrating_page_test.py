"""docs/migrating.md: its commands, run as they stand and in their order, against a real Keyfob and the simulator."""

import json

import harness
import pages
from harness import APP, CLIENT_ID


class Page(harness.Case):
    def run_page(self, commands):
        return pages.run(commands, self.world.root, KEYFOB_CONFIG=str(self.world.config_file))

    def test_in_to_v3_and_out_again_with_no_grant_lost(self):
        pairs = self.sim.issue(client_id=CLIENT_ID, count=8)["pairs"]
        lines = [{"user": f"driver-{i}", "vehicles": p["vehicles"], "access_token": p["access_token"],
                  "refresh_token": p["refresh_token"], "expires_in": 5400} for i, p in enumerate(pairs)]
        (self.world.root / "grants.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (self.world.root / "v3-secret").write_text("planted-v3-secret")
        (self.world.root / "v3-secret").chmod(0o600)
        self.sim.post("clients", client_id=CLIENT_ID, v3_client_id="client_v3", v3_client_secret="planted-v3-secret")
        commands = pages.blocks("docs/migrating.md")
        self.assertEqual(len(commands), 5)
        out = self.run_page(commands[:-1])
        self.assertIn("8 access tokens tried at the provider, 0 of them are not what the file says", out)
        self.assertIn("8 grants imported", out)
        self.assertIn("Grants: 0 ok, 8 unknown", out)
        self.assertIn("8 were filled in", out)
        for pair in pairs:
            for version in ("v2.0", "v3"):
                self.assert_answer(self.world.api("GET", f"/{version}/vehicles/{pair['vehicles'][0]}"), 200)
        grants = self.world.api("GET", "/v1/grants").json["grants"]
        for grant in grants[:4]:
            self.assert_answer(self.world.api("POST", f"/v1/grants/{grant['id']}/refresh"), 200)
        self.world.daemon.stop()
        self.run_page(commands[-1:])
        exported = [json.loads(line) for line in (self.world.root / "grants-out.jsonl").read_text().splitlines()]
        self.assertEqual({e["user"] for e in exported}, {line["user"] for line in lines})
        self.sim.post("advance", seconds=3600)
        for line in exported:  # the program that takes over refreshes each of them
            form = f"grant_type=refresh_token&refresh_token={line['refresh_token']}".encode()
            basic = harness.base64.b64encode(f"{CLIENT_ID}:{harness.CLIENT_SECRET}".encode()).decode()
            answer = harness.exchange(self.sim.origin, "POST", "/oauth/token", form, {
                "Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"})
            self.assertEqual(answer.status, 200, answer)
        self.assertIn(APP, self.world.cli_ok("app", "list").out)


if __name__ == "__main__":
    harness.main()
