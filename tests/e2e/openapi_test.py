"""/openapi.json against the server that it describes: every call is made, and the answer is held to what is written."""

import re
import pathlib

import harness
from harness import APP, CLIENT_ID, MANAGEMENT_TOKEN

ROOT = pathlib.Path(__file__).resolve().parents[2]
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KEYWORDS = {"type", "properties", "required", "additionalProperties", "items", "enum", "pattern", "allOf", "$ref", "format",
            "description", "minimum", "maximum", "minLength", "maxLength", "default"}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"


def is_type(value, name):
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


class Schemas:
    """As much of JSON Schema as the document uses; a keyword that is not known here is an error."""

    def __init__(self, document):
        self.schemas = document["components"]["schemas"]

    def problems(self, value, schema, where="$"):
        unknown = set(schema) - KEYWORDS
        if unknown:
            yield f"{where}: the test does not know {unknown}"
        if "$ref" in schema:
            yield from self.problems(value, self.schemas[schema["$ref"].rsplit("/", 1)[1]], where)
        for part in schema.get("allOf", ()):
            yield from self.problems(value, part, where)
        types = schema.get("type", [])
        types = [types] if isinstance(types, str) else types
        if types and not any(is_type(value, name) for name in types):
            yield f"{where}: {value!r} is none of {types}"
            return
        yield from self.text_problems(value, schema, where)
        if isinstance(value, dict):
            yield from self.object_problems(value, schema, where)
        if isinstance(value, list) and "items" in schema:
            for i, item in enumerate(value):
                yield from self.problems(item, schema["items"], f"{where}[{i}]")

    def text_problems(self, value, schema, where):
        if "enum" in schema and value not in schema["enum"]:
            yield f"{where}: {value!r} is none of {schema['enum']}"
        if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
            yield f"{where}: {value!r} does not match {schema['pattern']}"
        if isinstance(value, str) and schema.get("format") == "date-time" and not re.fullmatch(TIME, value):
            yield f"{where}: {value!r} is no time"

    def object_problems(self, value, schema, where):
        known = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{where}: {name} is missing"
        for name, member in value.items():
            if name in known:
                yield from self.problems(member, known[name], f"{where}.{name}")
            elif schema.get("additionalProperties") is False:
                yield f"{where}: {name} is not documented"


class OpenApi(harness.Case):
    def setUp(self):
        super().setUp()
        self.admin = self.world.add_caller("root", "admin", app=None)
        self.document = self.world.anonymous("GET", "/openapi.json").json
        self.schemas = Schemas(self.document)

    def operations(self):
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def call(self, method, path, body=None, key=None):
        """The answer, which is as the document says for this path."""
        plain = path.split("?")[0]
        pattern = next(p for m, p, _ in self.operations() if m == method and self.fits(p, plain))
        answer = self.world.api(method, path, body, key=key or self.admin)
        self.hold(answer, self.document["paths"][pattern][method.lower()], f"{method} {path}")
        return answer

    def fits(self, pattern, path):
        exact = pattern == path
        return exact or re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(pattern)), path)

    def hold(self, answer, operation, what):
        responses = operation["responses"]
        status = str(answer.status)
        described = responses.get(status) or (responses.get("2XX") if status[0] in "23" else responses.get("default"))
        self.assertIsNotNone(described, f"{what}: {answer} is not documented; {list(responses)} are")
        content = described.get("content")
        if content is None:
            return
        kind = answer.headers["content-type"].split(";")[0]
        self.assertIn(kind, content, f"{what}: {answer}")
        self.assertEqual(list(self.schemas.problems(answer.json, content[kind]["schema"])), [], f"{what}: {answer}")

    def test_every_endpoint_of_the_table_is_documented_and_nothing_else(self):
        source = (ROOT / "src" / "api" / "endpoints.cpp").read_text()
        table = set(re.findall(r'Endpoint\{"([A-Z]+)",\s*"([^"]+)"', source)) | {("GET", "/v1/authz")}
        self.assertGreater(len(table), 30)
        self.assertEqual({(method, path) for method, path, _ in self.operations()}, table)

    def test_every_call_of_v1_says_what_it_answers(self):
        silent = [f"{method} {path}" for method, path, operation in self.operations()
                  if path.startswith("/v1/") and path != "/v1/authz"
                  and not any("content" in r or code == "204" for code, r in operation["responses"].items() if code != "default")]
        self.assertEqual(silent, [])

    def test_every_path_answers_as_documented_with_next_to_nothing_in_the_request(self):
        for method, path, operation in self.operations():
            if path in ("/metrics", "/healthz", "/readyz", "/connect/callback", "/v1/authz") or not path.startswith("/v1/"):
                continue
            with self.subTest(f"{method} {path}"):
                target = re.sub(r"\{\w+\}", "none", path)
                answer = self.world.api(method, target, {} if method in ("POST", "PATCH") else None, key=self.admin)
                self.assertNotIn(answer.code, ("no_route", "method_not_allowed"), answer)
                self.hold(answer, operation, f"{method} {target}")

    def test_whoever_is_not_known_or_may_not_gets_a_documented_problem(self):
        for method, path, operation in self.operations():
            if "security" in operation or path == "/v1/authz":
                continue
            with self.subTest(f"{method} {path}"):
                target = re.sub(r"\{\w+\}", "none", path)
                unknown = self.world.anonymous(method, target, headers={"Authorization": "Bearer nobody"})
                self.assert_answer(unknown, 401, "unauthenticated")
                self.hold(unknown, operation, target)
                if operation.get("x-permission") == "admin":
                    self.assert_answer(self.world.api(method, target), 403, "forbidden")

    def test_documented_query_parameters_are_taken_and_others_are_not(self):
        samples = {"limit": "1", "local": "true", "dry_run": "true", "status": "active", "since": "24h", "app": APP, "cursor": ""}
        for method, path, operation in self.operations():
            names = [p["name"] for p in operation["parameters"] if p["in"] == "query"]
            if not path.startswith("/v1/") or path == "/v1/authz":
                continue
            target = re.sub(r"\{\w+\}", "none", path)
            for name in names:
                with self.subTest(f"{method} {target}?{name}"):
                    answer = self.world.api(method, f"{target}?{name}={samples.get(name, 'none')}", {} if method != "GET" else None, key=self.admin)
                    self.assertNotIn("unknown parameter", answer.json.get("detail", "") if answer.body else "", answer)
            odd = self.world.api(method, f"{target}?no_such_parameter=1", {} if method != "GET" else None, key=self.admin)
            self.assertEqual(odd.status, 400, f"{method} {target}: {odd}")

    def test_the_good_answers_are_as_documented(self):
        pair = self.sim.issue(client_id=CLIENT_ID)
        grant = {"user": "ann", "vehicles": pair["vehicles"], "access_token": pair["access_token"],
                 "refresh_token": pair["refresh_token"], "expires_in": 7200}
        made = self.call("POST", f"/v1/grants?app={APP}", grant).json
        self.call("POST", f"/v1/grants:import?app={APP}&dry_run=true", b'{"user":7}\n')
        for path in (f"/v1/token?user=ann&app={APP}", "/v1/grants?limit=1", "/v1/grants", f"/v1/grants/{made['id']}",
                     f"/v1/grants/{made['id']}/outlook", "/v1/apps", f"/v1/apps/{APP}", "/v1/callers", "/v1/callers/backend",
                     "/v1/keys", "/v1/status", "/v1/version", "/v1/audit", "/v1/audit/heads"):
            self.assertEqual(self.call("GET", path).status, 200, path)
        self.assertEqual(self.call("POST", f"/v1/grants/{made['id']}/refresh").status, 200)
        self.assertEqual(self.call("POST", f"/v1/connect?app={APP}", {"user": "bob"}).status, 201)
        self.assertEqual(self.call("POST", "/v1/keys/rotate", {"app": APP}).status, 200)
        self.assertEqual(self.call("POST", "/v1/keys/reseal", {"app": APP}).status, 200)
        self.assertEqual(self.call("POST", "/v1/audit/verify", {"heads": []}).status, 200)
        self.assertEqual(self.call("DELETE", f"/v1/grants/{made['id']}?local=true").status, 204)
        self.assertEqual(self.call("DELETE", f"/v1/grants/{made['id']}/record").status, 204)

    def test_applications_and_callers_from_the_first_to_the_last_call(self):
        app = {"name": "second", "client_id": "x", "client_secret": "y", "management_token": MANAGEMENT_TOKEN}
        self.assertEqual(self.call("POST", "/v1/apps", app).status, 201)
        self.assertEqual(self.call("PATCH", "/v1/apps/second", {"scopes": ["read_vin"]}).status, 200)
        caller = {"name": "late", "app": "second", "permissions": ["token:read"], "expires_in": 3600}
        self.assertEqual(self.call("POST", "/v1/callers", caller).status, 201)
        self.assertEqual(self.call("POST", "/v1/callers/late/rotate", {"overlap": 60}).status, 200)
        self.assertEqual(self.call("POST", "/v1/callers/late/disable").status, 200)
        self.assertEqual(self.call("DELETE", "/v1/apps/second").status, 204)


if __name__ == "__main__":
    harness.main()
