"""The reference pages say what the programs do: every key, command, code and folder in them is looked up for real."""

import importlib.machinery
import importlib.util
import pathlib
import re
import unittest
import sys

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


def rows(page, heading=None):
    """The cells of every table row of a page, or of one section of it."""
    text = page.read_text()
    if heading is not None:
        text = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("|") and not re.match(r"\|[-| ]+\|$", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


class Scaling(unittest.TestCase):
    def test_every_statement_of_the_postgresql_store_is_listed_with_its_portability(self):
        listed, folder = set(), None
        for line in (ROOT / "docs" / "scaling.md").read_text().splitlines():
            for name in re.findall(r"`([a-z_]*\.?k[A-Z]\w+)`", line) if line.startswith("| `") else ():
                if "." in name:
                    folder, name = name.split(".")
                listed.add((folder, name))
        present = {(file.stem, name) for file in (ROOT / "src" / "store" / "postgres").glob("*.cpp")
                   for name in re.findall(r"constexpr (?:char|const char\*) (k\w+)\[\]", file.read_text())}
        self.assertEqual(listed, present)


class Configuration(harness.Case):
    start = False
    sections = ("server", "node", "store", "keys", "refresh", "cache", "console", "log", "upstream")

    def documented(self, section):
        """[(key, default or None)]"""
        found = []
        for cells in rows(REFERENCE / "configuration.md", f"[{section}]"):
            keys, defaults = (re.findall(r"`([^`]+)`", cell) for cell in cells[:2])
            found += zip(keys, defaults or [None] * len(keys), strict=True)
        return found

    def known(self, section):
        """What the program itself lists as known in a section."""
        self.world.configure(section, "q", "1")
        words = self.world.cli("app", "list").err
        self.world.config_file.write_text(self.text)
        return set(re.search(r"known here: (.*)", words)[1].split(", "))

    def setUp(self):
        super().setUp()
        self.text = self.world.config_file.read_text()

    def test_every_key_of_the_program_is_on_the_page_and_the_other_way_round(self):
        for section in self.sections:
            with self.subTest(section):
                self.assertEqual({key for key, _ in self.documented(section)}, self.known(section))
        page = (REFERENCE / "configuration.md").read_text().split("\n## [providers.NAME]\n")[1].split("\nA route:")[0]
        keys = {k for cells in (re.findall(r"^\|([^|]+)\|", page, re.MULTILINE)) for k in re.findall(r"`([a-z_0-9]+)`", cells)}
        self.assertEqual(keys | {"routes"}, self.known("providers.smartcar"))

    def test_the_documented_defaults_are_accepted_as_they_stand(self):
        for section in self.sections:
            for key, default in self.documented(section):
                if default is not None and (section, key) != ("server", "listen"):
                    self.world.configure(section, key, default)
        done = self.world.cli("app", "list")
        self.assertEqual(done.code, 0, done)

    def test_the_example_of_a_route_is_accepted(self):
        example = (REFERENCE / "configuration.md").read_text().split("```toml\n")[1].split("```")[0]
        file = self.world.root / "acme.toml"
        file.write_text('[providers.acme]\ntoken_url = "https://a.example/token"\n' + example)
        done = self.world.cli("provider", "check", str(file))
        self.assertEqual(done.code, 0, done)


class CommandLine(harness.Case):
    start = False

    def test_every_documented_command_exists_and_has_help(self):
        commands = set()
        for cells in (cells for cells in rows(REFERENCE / "cli.md") if "`" in cells[0]):
            words = re.findall(r"`([^`]+)`", cells[0])
            group = re.match(r"(grant|provider|keys|audit) [a-z]+$", words[0].split(" NAME")[0])
            for i, word in enumerate(words):
                name = re.match(r"[a-z0-9 -]+?(?= [A-Z\[-]|$)", word)[0]
                commands.add(name if i == 0 or not group else f"{group[1]} {name}")
            commands |= {f"{words[0].split()[0]} {w}" for w in re.findall(r"`(?:app |caller )?(list|show|set|remove|disable|rotate)`", cells[1])}
        self.assertGreater(len(commands), 20, commands)
        for command in sorted(commands):
            done = self.world.cli(*command.split(), "--help")
            self.assertEqual(done.code, 0, f"{command}: {done}")
            self.assertIn(f"keyfob {command}", done.out)


class Codes(harness.Case):
    start = False

    def test_every_code_of_the_gateway_is_on_the_page_with_its_status(self):
        page = {re.findall(r"`([^`]+)`", cells[0])[0]: int(cells[1]) for cells in rows(REFERENCE / "errors.md")[1:]}
        source = (ROOT / "src" / "gateway" / "problem.cpp").read_text()
        known = {code: int(status) for code, status in re.findall(r'\{"([a-z_]+)", (\d+), "', source)}
        self.assertGreater(len(known), 15)
        for code, status in known.items():
            if code not in ("timeout", "too_large", "throttled"):
                self.assertEqual(page.get(code), status, code)

    def test_every_code_of_the_api_is_on_its_page(self):
        page = (REFERENCE / "http.md").read_text()
        source = (ROOT / "src" / "api" / "problem.cpp").read_text()
        known = dict(re.findall(r'\{"([a-z_]+)", (\d+)\}', source))
        self.assertGreater(len(known), 20)
        missing = [code for code in known if f"`{code}`" not in page and code not in ("not_found", "throttled")]
        self.assertEqual(missing, [])


class Metrics(harness.unittest.TestCase):
    def setUp(self):
        help_text = (ROOT / "src" / "telemetry" / "metric_help.cpp").read_text()
        self.known = dict(re.findall(r'MetricHelp\{"([a-z_]+)", "([a-z]+)"', help_text))
        self.assertGreater(len(self.known), 20)

    def test_every_metric_is_on_the_page_with_its_label(self):
        page = {}
        for cells in rows(REFERENCE / "metrics.md"):
            if name := re.fullmatch(r"`(keyfob_[a-z_]+)`", cells[0]):
                page[name[1]] = (re.findall(r"`([a-z]+)`", cells[1]) or ["kind"])[0]
        self.assertEqual(page, self.known)

    def test_every_figure_that_the_code_counts_has_a_name(self):
        suffix = {"count": "_total", "gauge": "", "observe": "_seconds"}
        counted = set()
        for folder in ("src", "apps"):
            for file in (ROOT / folder).rglob("*.[ch]pp"):
                if "_test" in file.name or "telemetry/prometheus" in str(file):
                    continue
                for call, name in re.findall(r'[.>](count|gauge|observe)\("([a-z_]+)"', file.read_text()):
                    counted.add(name if name.startswith("keyfob_") else f"keyfob_{name}{suffix[call]}")
        self.assertEqual(counted - {"keyfob_limit_total"}, set(self.known) - {"keyfob_metrics_dropped_total"})


class Layers(harness.unittest.TestCase):
    def test_the_table_of_the_architecture_is_the_one_that_is_enforced(self):
        sys.path.insert(0, str(ROOT / "tools"))
        loader = importlib.machinery.SourceFileLoader("check_layers", str(ROOT / "tools" / "check_layers"))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_layers", loader))
        sys.dont_write_bytecode = True
        loader.exec_module(module)
        page = {}
        for cells in rows(ROOT / "docs" / "architecture.md")[1:]:
            page[cells[0].strip("`")] = sorted(filter(None, cells[2].split(", ")))
        page.pop("apps/keyfob")
        there = {folder: sorted(may) for folder, may in module.LAYERS.items() if (ROOT / folder / "CMakeLists.txt").exists()}
        self.assertEqual(page, there)


if __name__ == "__main__":
    harness.main()
