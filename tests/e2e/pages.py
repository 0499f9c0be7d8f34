"""Pages whose commands are run as they stand: their blocks, and a shell that has this build's programs on its path."""

import os
import pathlib
import re
import subprocess

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]


def blocks(page, language="sh"):
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def run(commands, cwd, **environment):
    """What they print; a command that fails is the end of it."""
    path = environment.pop("PATH", os.environ["PATH"])
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(commands)], cwd=cwd, capture_output=True, text=True,
                          timeout=120, check=False, stdin=subprocess.DEVNULL,
                          env=os.environ | {"PATH": f"{harness.BIN}:{path}"} | environment)
    if done.returncode != 0:
        raise AssertionError(f"{commands}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
