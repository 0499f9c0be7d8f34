"""Every command of the documentation is run: here those of the pages that have no test of their own, and the list of who runs which."""

import functools
import os
import pathlib
import re
import shlex
import shutil
import tempfile
import unittest

import harness
import pages
import postgres

# Who runs the commands of which page; each names its page.
RUN_BY = {
    "README.md": "tests/e2e/readme_test.py",
    "docs/tutorial.md": "tests/e2e/tutorial_test.py",
    "docs/simulator.md": "tests/e2e/simulator_page_test.py",
    "docs/migrating.md": "tests/e2e/migrating_page_test.py",
    "docs/reference/library.md": "tests/library/library_test.py",
    "docs/how-to/nginx.md": "tests/e2e/pages_test.py",
    "docs/how-to/webhooks.md": "tests/e2e/pages_test.py",
    "docs/how-to/consent.md": "tests/e2e/pages_test.py",
    "docs/how-to/providers.md": "tests/e2e/pages_test.py",
    "docs/how-to/postgresql.md": "tests/e2e/pages_test.py",
    "docs/how-to/kubernetes.md": "tests/e2e/pages_test.py",
    "docs/how-to/backup.md": "tests/e2e/pages_test.py",
    "docs/reference/audit.md": "tests/e2e/pages_test.py",
    "docs/console.md": "tests/e2e/pages_test.py",
}
# These are not run, and why.
NOT_RUN = {
    "CONTRIBUTING.md": "the gates themselves, and a build of its own",
    "docs/simulation.md": "what is run here for a shorter time, under other names",
    "docs/how-to/upgrade.md": "systemd's own: no service manager runs where the tests do",
}
COMMAND = re.compile(r"(?:\$ )?(?:sudo )?(keyfob|smartcar-sim|kubectl|createdb|pg_\w+|make|cmake|ctest|systemctl|podman|litestream) ")


def fenced(text):
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def all_pages():
    files = [pages.ROOT / "README.md", pages.ROOT / "CONTRIBUTING.md", *sorted((pages.ROOT / "docs").rglob("*.md"))]
    return {str(file.relative_to(pages.ROOT)): file.read_text() for file in files}


class Inventory(harness.Case):
    start = False

    def test_every_page_with_commands_has_a_test_that_runs_them(self):
        with_commands = {page for page, text in all_pages().items() for language, block in fenced(text)
                         if language in ("", "sh") and any(COMMAND.match(line) for line in block.splitlines())}
        self.assertEqual(with_commands, RUN_BY.keys() | NOT_RUN.keys())
        for page, test in RUN_BY.items():
            self.assertIn(pathlib.Path(page).name, (pages.ROOT / test).read_text(), f"{test} does not name {page}")

    @functools.cache  # noqa: B019  there is one instance
    def help_of(self, *name):
        done = self.world.cli(*name, "--help")
        return done.out if done.code == 0 and f"keyfob {' '.join(name)}" in done.out else None

    def help_of_longest(self, words):
        """The help of the longest command that these words begin with."""
        plain = [word for word in words[:2] if re.fullmatch(r"[a-z0-9-]+", word)]
        return (self.help_of(*plain) if len(plain) == 2 else None) or self.help_of(words[0])

    def test_every_command_and_option_in_the_text_exists(self):
        looked_at = 0
        for page, text in all_pages().items():
            lines = [line for language, block in fenced(text) if language in ("", "sh") for line in block.splitlines()]
            for said in re.findall(r"`(keyfob [^`\n]+)`", text) + [line for line in lines if line.startswith("keyfob ")]:
                words = re.sub(r"--config \S+ |--json ", "", said.split(" #")[0].split(" | ")[0]).split()[1:]
                if not words or not re.fullmatch(r"[a-z][a-z0-9-]*", words[0]) or words[0] == "listening":
                    continue
                looked_at += 1
                text_of = self.help_of_longest(words)
                self.assertIsNotNone(text_of, f"{page}: {said}")
                for option in re.findall(r"(?<!\S)\[?(--[a-z][a-z0-9-]*)", " ".join(words)):
                    if option not in ("--help", "--json"):
                        self.assertRegex(text_of, rf"{option}\b", f"{page}: {said}")
        self.assertGreater(looked_at, 60)


class OnePage(harness.Case):
    """Pages whose commands need an application named fleet and a daemon, and little more."""

    def run_page(self, page):
        return pages.run(pages.blocks(page), self.world.root, KEYFOB_CONFIG=str(self.world.config_file))

    def secret_file(self, name, text):
        (self.world.root / name).write_text(text)
        (self.world.root / name).chmod(0o600)

    def test_the_callers_of_the_console_page(self):
        self.run_page("docs/console.md")
        told = self.world.cli_ok("caller", "list", json_out=True).json["callers"]
        apps = {caller["name"]: caller.get("app") or None for caller in told}
        self.assertEqual((apps["anna"], apps["bert"]), (None, "fleet"))

    def test_the_caller_of_the_nginx_page(self):
        self.assertIn("kf_", self.run_page("docs/how-to/nginx.md"))

    def test_the_link_of_the_consent_page(self):
        self.world.cli_ok("app", "set", "fleet", "--return-to", "https://app.example.com/done")
        self.assertIn("response_type=code", self.run_page("docs/how-to/consent.md"))

    def test_the_webhook_of_its_page(self):
        self.secret_file("amt.txt", harness.MANAGEMENT_TOKEN)
        self.secret_file("webhook.txt", "planted-webhook-secret")
        self.run_page("docs/how-to/webhooks.md")
        self.assertIn("https://backend.example.com/smartcar", self.world.cli_ok("app", "show", "fleet").out)

    def test_the_check_of_the_page_about_providers(self):
        route = pages.blocks("docs/reference/configuration.md", "toml")[0]
        (self.world.root / "acme.toml").write_text('[providers.acme]\ntoken_url = "https://a.example/token"\n' + route)
        self.assertIn("acme", self.run_page("docs/how-to/providers.md"))

    def test_the_trail_of_the_audit_page(self):
        self.world.import_grant("driver-17")
        self.token_of("user=driver-17")
        self.assertIn("driver-17", self.run_page("docs/reference/audit.md"))
        self.assertIn("driver-17", (self.world.root / "audit.jsonl").read_text())


class WithPostgresql(unittest.TestCase):
    """A server for each, and a folder in which the page's lines are typed."""

    settings = ("fsync = off",)

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-pages-"))
        self.root.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.server = postgres.Server(self.root, settings=self.settings)
        self.addCleanup(self.server.crash)

    def here(self, text):
        """The same, with this machine's server in the place of the page's."""
        return re.sub(r"postgresql://\w+@[\w,]+/keyfob(\?[^' \n]*)?", self.server.url(database="keyfob"), text)

    def run_lines(self, *lines, **more):
        server = {"PGHOST": "127.0.0.1", "PGPORT": str(self.server.port), "PGUSER": "keyfob"}
        return pages.run([self.here(line) for line in lines], self.root, PATH=f"{postgres.programs()}:{os.environ['PATH']}",
                         **(server | more))

    def serve(self, *command):
        config = self.root / "kf" / "keyfob.toml"
        config.write_text(config.read_text().replace("127.0.0.1:7420", "127.0.0.1:0"))
        daemon = harness.Program([harness.BIN / "keyfob", *command], self.root / "log", r"keyfob listening on (http://\S+)")
        self.addCleanup(daemon.kill)
        return daemon


class Postgresql(WithPostgresql):
    def test_the_first_node_of_its_page(self):
        make, init, serve = pages.blocks("docs/how-to/postgresql.md")[0].splitlines()
        self.run_lines(make, init)
        words = shlex.split(serve)
        self.assertEqual(words[:2], ["keyfob", "--config"])
        daemon = self.serve("--config", self.root / words[2], *words[3:])
        self.assertEqual(harness.exchange(daemon.origin, "GET", "/readyz").status, 200)

    def test_the_roles_settings_are_taken(self):
        self.run_lines("createdb keyfob")
        for statement in pages.blocks("docs/how-to/postgresql.md", "sql")[0].splitlines():
            self.server.sql(statement)
        self.assertEqual(self.server.sql("SHOW lock_timeout"), "3s")


# The cluster is not there. Secrets are made by kubectl itself, without a server; what runs in a pod runs here, with this
# configuration in the place of the pod's; the manifest is looked at by package_test.py.
KUBECTL = """#!/bin/bash -eu
case " $* " in
*" apply -f "*) test -s "${@: -1}" ;;
*" exec "*)
  while [[ $1 != -- ]]; do shift; done
  shift
  exec "${@/#\\/etc\\/keyfob\\/keyfob.toml/$PWD/kf/keyfob.toml}" <<<planted-client-secret ;;
*) exec %s "$@" --dry-run=client -o name ;;
esac
"""


class Kubernetes(WithPostgresql):
    def test_the_lines_of_its_page(self):
        self.run_lines("createdb keyfob")
        (self.root / "packaging").symlink_to(pages.ROOT / "packaging")
        (self.root / "pgpassword").write_text("planted-password")
        harness.self_signed(self.root)
        (self.root / "bin").mkdir()
        program = self.root / "bin" / "kubectl"
        program.write_text(KUBECTL % shutil.which("kubectl"))
        program.chmod(0o755)
        init, cluster, pod = pages.blocks("docs/how-to/kubernetes.md")
        path = f"{self.root / 'bin'}:{postgres.programs()}:{os.environ['PATH']}"
        out = pages.run([self.here(init), cluster, pod], self.root, PATH=path)
        for made in ("namespace/keyfob", "secret/keyfob-master-key", "secret/keyfob-store", "secret/keyfob-tls", "kf_", "fleet"):
            self.assertIn(made, out)


class BackupPage(WithPostgresql):
    """docs/how-to/backup.md: a dump comes back whole; base backup and archive bring back what was written after both."""

    def setUp(self):
        super().setUp()
        self.sim = harness.Sim(self.root)
        self.addCleanup(self.sim.kill)
        self.wal = postgres.owned(self.make_folder("wal"))
        self.copies = postgres.owned(self.make_folder("copies"))
        self.run_lines("createdb keyfob", f"keyfob init --dir kf --store '{self.server.url(database='keyfob')}'")

    def make_folder(self, name):
        (self.root / name).mkdir()
        return self.root / name

    def here(self, text):
        for there, here in (("/var/backups/wal", self.root / "wal"), ("/var/backups/keyfob", self.root / "copies" / "base"),
                            ("/var/lib/postgresql/15/main", self.root / "copies" / "main"),
                            ("postgresql://replication@HOST", self.server.url(database=""))):
            text = text.replace(there, str(here))
        return super().here(text)

    def app(self, name):
        self.run_lines(f"keyfob --config kf/keyfob.toml app add {name} --client-id ID-{name} --client-secret - <<<planted-secret")

    def apps(self):
        return self.run_lines("keyfob --config kf/keyfob.toml app list")

    def test_a_dump(self):
        dump, restore = pages.blocks("docs/how-to/backup.md")[1].splitlines()
        self.app("before")
        self.run_lines(dump)
        self.app("after")
        self.run_lines("dropdb keyfob", "createdb keyfob", restore)
        self.assertIn("before", self.apps())
        self.assertNotIn("after", self.apps())

    def test_the_log(self):
        settings = pages.blocks("docs/how-to/backup.md", "ini")[0]
        base, restore = pages.blocks("docs/how-to/backup.md")[2:4]
        self.server.stop()
        self.server.add_settings(*self.here(settings).splitlines())
        self.server.start()
        self.app("before")
        self.as_server(base)
        self.app("after")
        segment = self.server.sql("SELECT pg_walfile_name(pg_switch_wal())")
        harness.eventually(lambda: (self.wal / segment).exists(), "the log is in the archive")
        self.server.crash()
        shutil.rmtree(self.server.data)
        self.as_server(restore.split("pg_ctl")[0])
        self.server.data = self.copies / "main"
        self.server.start()
        harness.eventually(lambda: self.server.sql("SELECT pg_is_in_recovery()") == "f", "it has recovered")
        self.assertIn("after", self.apps())

    def as_server(self, lines):
        self.server.run("bash", "-euc", f"PATH={postgres.programs()}:$PATH\n" + self.here(lines))


if __name__ == "__main__":
    harness.main()
