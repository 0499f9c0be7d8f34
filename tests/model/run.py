#!/usr/bin/env python3
"""run.py [--all] [NAME...]: has spin explore every configuration of refresh.pml and compares what it found with what is expected.

A proof that holds is only worth something if the same checks fail where a rule of the protocol is missing: each mutant
must be caught, by the invariant that it breaks. A strict provider's known, unavoidable loss must be found, too.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

MODEL = pathlib.Path(__file__).resolve().with_name("refresh.pml")
MEMORY = 3000  # MB for one search
PATIENCE = float(os.environ.get("KEYFOB_MODEL_PATIENCE", "400"))  # seconds for one search on a busy machine
LOST = "kept_calm"
PUNISHED = {"PUNISHED": 1, "PROMISED": 0}
UNFINISHED = re.compile(r"max search depth too small|out of memory|invalid end state \(")
STRICT = {"W": 0, "PROMISED": 1}


@dataclasses.dataclass
class Configuration:
    name: str
    says: str
    macros: dict
    fails: str = ""  # text of the assertion that must be violated; empty: none may be
    short: bool = False  # look for a short counterexample, to be read
    slow: bool = False


HOLDS = [
    Configuration("window", "any crashes, pauses, losses and store faults: nothing is lost", {}),
    Configuration("two_rotations", "the same over two rotations, late answers of the first included",
                  {"GENS": 2, "PAUSES": 0}),
    Configuration("two_rotations_and_pauses", "and with pauses between the last check and the write",
                  {"GENS": 2, "PAUSES": 1}, slow=True),
    Configuration("punished", "a provider that punishes uses after the window sees none", PUNISHED),
    Configuration("strict_and_slow", "strict provider, answers as late as can be, refused commits: nothing is lost",
                  STRICT | {"CRASHES": 0, "LOSSES": 0}),
]
FAILS = [
    Configuration("strict", "strict provider: a crash with the only copy in memory loses the pair, as documented",
                  STRICT | {"LOSSES": 0, "PAUSES": 0, "STORE_FAULTS": 0}, "!(1)", short=True),
    Configuration("less_calm", "one calm tick less than T + L + R is not enough: the condition is as weak as it can be",
                  {"CALM": 3}, LOST),
    Configuration("crash_loop", "a node that keeps crashing in mid-refresh, with the lease renewed at each start, keeps the "
                  "other out", {"UNSTEADY": 0, "LOSSES": 0, "PAUSES": 0, "STORE_FAULTS": 0}, LOST, short=True),
    Configuration("mutant.no_durable_attempt", "nobody knows that a refresh was under way", {"MUTANT": 1}, LOST),
    Configuration("mutant.no_generation_in_commit", "an older pair replaces a newer one (I3)",
                  {"MUTANT": 2, "GENS": 2, "PAUSES": 0}, "generation"),
    Configuration("mutant.lease_ignored", "two live leases (I1)", {"MUTANT": 3}, "lease"),
    Configuration("mutant.one_token_replaced", "the stored pair does not belong together (I2)", {"MUTANT": 4}, "access"),
    Configuration("mutant.no_spool", "a refused commit loses a strict provider's pair",
                  STRICT | {"CRASHES": 0, "LOSSES": 0, "MUTANT": 5}, "!(1)"),
    Configuration("mutant.closed_at_T", "a late answer of a strict provider was the only copy",
                  STRICT | {"CRASHES": 0, "LOSSES": 0, "MUTANT": 6}, "!(1)"),
    Configuration("mutant.deadline_not_checked", "a node that slept uses a token after the window",
                  PUNISHED | {"MUTANT": 7}, "!(1)"),
    Configuration("mutant.unknown_taken_for_unused", "an attempt of unknown outcome is forgotten", {"MUTANT": 8}, LOST),
]


@dataclasses.dataclass
class Search:
    states: int
    assertion: str  # that was violated; empty: none
    seconds: float
    steps: str  # of the counterexample


def run(command, folder, patience=PATIENCE):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=patience, check=False)
    return done.returncode, done.stdout + done.stderr


def counterexample(folder, macros):
    _, told = run(["spin", *macros, "-T", "-k", folder / f"{MODEL.name}.trail", "-t", MODEL], folder)
    return "\n".join("      " + line[5:] for line in told.splitlines() if line.startswith("MSC: "))


def explore(configuration):
    """Builds the search for one configuration and carries it out; anything but a finished search is an exception."""
    macros = [f"-D{name}={value}" for name, value in configuration.macros.items()]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="keyfob-model-") as path:
        folder = pathlib.Path(path)
        flags = ["-w", "-O2", "-DSAFETY", f"-DMEMLIM={MEMORY}"] + (["-DREACH"] if configuration.short else [])
        for command in (["spin", *macros, "-a", MODEL], ["cc", *flags, "-o", "pan", "pan.c"]):
            code, told = run(command, folder)
            if code != 0:
                raise RuntimeError(f"{command[0]}: {told}")
        code, told = run(["./pan", "-n", "-w22", "-m200000", *(["-i"] if configuration.short else [])], folder)
        states = re.search(r"(\d+) states, stored", told)
        violated = re.findall(r"assertion violated (.*) \(at depth", told)
        if code != 0 or not states or ("Search not completed" in told and not violated) or UNFINISHED.search(told):
            raise RuntimeError(f"{configuration.name}: the search did not end well:\n{told}")
        steps = counterexample(folder, macros) if violated and configuration.short else ""
    return Search(int(states[1]), violated[-1] if violated else "", time.monotonic() - began, steps)


def verdict(configuration, search):
    if configuration.fails:
        return configuration.fails in search.assertion
    return not search.assertion


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="the slow configurations, too")
    parser.add_argument("names", nargs="*", help="configurations; none: all but the slow ones")
    asked = parser.parse_args()
    chosen = [c for c in HOLDS + FAILS if (c.name in asked.names if asked.names else asked.all or not c.slow)]
    wrong, states = [], 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for configuration, search in zip(chosen, pool.map(explore, chosen)):
            states += 0 if configuration.fails else search.states
            good = verdict(configuration, search)
            found = f"caught: {search.assertion.strip()}" if search.assertion else "holds"
            print(f"{'ok  ' if good else 'FAIL'} {configuration.name:32} {search.states:9} states {search.seconds:6.1f} s  "
                  f"{found}\n       {configuration.says}", flush=True)
            if search.steps:
                print(search.steps, flush=True)
            wrong += [] if good else [configuration.name]
    proved = sum(1 for c in chosen if not c.fails)
    print(f"\n{proved} configurations explored exhaustively ({states} states), {len(chosen) - proved} expected "
          f"counterexamples looked for; wrong: {', '.join(wrong) or 'none'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
