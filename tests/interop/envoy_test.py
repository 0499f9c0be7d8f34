"""/v1/authz in the form that Envoy's HTTP ext_authz expects. There is no Envoy among Debian's packages: a stand-in does what Envoy's
documentation says of the settings in docs/how-to/envoy.md, which are read from the page."""

import re

from partners import ROOT, harness

PAGE = re.search(r"```yaml\n(.*?)```", (ROOT / "docs" / "how-to" / "envoy.md").read_text(), re.DOTALL)[1]


def names(section):
    """The exact patterns of one list of the page."""
    indent, rest = re.search(rf"\n( *){section}:\n(.*)", PAGE, re.DOTALL).groups()
    own = re.split(rf"\n {{0,{len(indent)}}}\S", "\n" + rest)[0]
    return set(re.findall(r"exact: (\S+)", own))


class Envoy:
    """The filter alone: what it asks, and what the request and the client's answer become."""

    prefix = re.search(r"path_prefix: (\S+)", PAGE)[1]

    def __init__(self, keyfob):
        self.keyfob = keyfob

    def filter(self, method, path, headers):
        asked = {name: value for name, value in headers.items() if name in names("allowed_headers")}
        answer = harness.exchange(self.keyfob, method, self.prefix + path, b"", asked | {"Content-Length": "0"})
        if answer.status == 200:
            added = {n: v for n, v in answer.headers.items() if n in names("allowed_upstream_headers")}
            return 200, headers | added
        return answer.status, {n: v for n, v in answer.headers.items() if n in names("allowed_client_headers")}


class BesideEnvoy(harness.Case):
    def setUp(self):
        super().setUp()
        self.ann, self.bob = map(self.world.import_grant, ("ann", "bob"))
        self.key = self.world.add_caller("edge", "gateway,token:read")
        self.envoy = Envoy(self.world.daemon.origin)

    def filter(self, method, path, key=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.envoy.filter(method, path, {"authorization": f"Bearer {key or self.key}"} | named)

    def of(self, pair, rest="/odometer"):
        return f"/v2.0/vehicles/{pair['vehicle']}{rest}"

    def test_the_request_goes_on_with_the_grant_s_token(self):
        for method, path in (("GET", self.of(self.ann) + "?x=1"), ("POST", self.of(self.ann, "/security")), ("HEAD", self.of(self.ann))):
            status, headers = self.filter(method, path, x_own="stays")
            self.assertEqual((status, headers), (200, {"authorization": f"Bearer {self.ann['access_token']}", "x-own": "stays"}))
        status, headers = self.filter("GET", "/v2.0/user", keyfob_user="bob")
        self.assertEqual((status, headers["authorization"]), (200, f"Bearer {self.bob['access_token']}"))

    def test_refusals(self):
        self.assertEqual(self.filter("GET", self.of(self.ann), "kf_wrong")[1]["keyfob-error"], "unauthenticated")
        self.assertEqual(self.filter("GET", self.of(self.ann), "kf_wrong")[0], 401)
        plain = self.world.add_caller("plain", "gateway")
        for path, key, more, code in ((self.of(self.ann), plain, {}, "forbidden"),
                                      (self.of(self.ann), None, {"keyfob_user": "bob"}, "forbidden"),
                                      ("/v2.0/management/connections", None, {}, "forbidden"),
                                      ("/v2.0/user", None, {}, "user_required"),
                                      (self.of(self.ann, "/%2e%2e/x"), None, {}, "bad_request"),
                                      ("/v9/x", None, {}, "no_route"), ("/v1/token", None, {}, "no_route")):
            with self.subTest(path=path, code=code):
                status, headers = self.filter("GET", path, key, **more)
                self.assertEqual((status, headers["keyfob-error"]), (403, code))
                self.assertNotIn("authorization", headers)
        self.assertEqual(self.sim.requests(), [])

    def test_a_problem_of_the_grant_is_403_with_its_own_code(self):
        self.world.api("DELETE", f"/v1/grants/{self.bob['grant']}")
        status, headers = self.filter("GET", self.of(self.bob))
        self.assertEqual((status, headers["keyfob-error"]), (403, "revoked"))


if __name__ == "__main__":
    harness.main()
