#!/usr/bin/env python3
"""run_transcripts.py BIN_DIR TRANSCRIPT...: runs the commands of transcripts for real and compares what they say.

A transcript is a text file. Each runs in an empty directory of its own, by /bin/bash, with BIN_DIR first in PATH.

    $ COMMAND         run it; "\\" at the end goes on in the next line
    & COMMAND         start it in the background and wait until it says that it listens; it ends with SIGTERM, exit code 0
    & stop            end it now
    & hup             send it SIGHUP
    OUTPUT            the standard output expected, line by line
    ! OUTPUT          the standard error expected; without such lines it must be empty
    = CODE            the exit code expected; without it 0
    # TEXT            a remark

In expected output "..." alone stands for any number of lines and {{REGEX}} for what the expression matches. After a
command that fails, the files of the directory must be the same as before (state directories aside): nothing half-written.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

PATIENCE = 60


class Step:
    def __init__(self, line, command, background):
        self.line, self.command, self.background = line, command, background
        self.out, self.err, self.code = [], [], 0


def parse(path):
    steps = []
    lines = path.read_text().splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.startswith(("$ ", "& ")):
            first, command = number, line[2:]
            while command.endswith("\\"):
                command = command[:-1] + lines[number].lstrip()
                number += 1
            steps.append(Step(first, command, line[0] == "&"))
        elif line.startswith("# ") or line == "#" or not steps:
            continue
        elif line == "!" or line.startswith("! "):
            steps[-1].err.append(line[2:])
        elif line.startswith("= "):
            steps[-1].code = int(line[2:])
        else:
            steps[-1].out.append(line)
    for step in steps:
        while step.out and step.out[-1] == "":
            step.out.pop()
    return steps


def line_pattern(line):
    parts = re.split(r"\{\{(.*?)\}\}", line)
    return "".join(part if i % 2 else re.escape(part) for i, part in enumerate(parts))


def matches(expected, text):
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else line_pattern(line) + r"\n" for line in expected)
    if text and not text.endswith("\n"):
        text += "\n"
    while text.endswith("\n\n"):
        text = text[:-1]
    return re.fullmatch(pattern, text) is not None


def files_of(directory):
    found = set()
    for path in directory.rglob("*"):
        relative = path.relative_to(directory)
        if "state" not in relative.parts and not path.name.endswith(("-wal", "-shm")):
            found.add(str(relative))
    return found


class Transcript:
    def __init__(self, path, bin_dir):
        self.path, self.bin_dir = path, bin_dir
        self.daemon, self.problems = None, []

    def complain(self, step, what, expected, got):
        self.problems.append(f"{self.path.name}:{step.line}: $ {step.command}\n  {what}\n  expected:\n{indent(expected)}\n  got:\n{indent(got)}")

    def compare(self, step, code, out, err):
        if code != step.code:
            self.complain(step, "exit code", str(step.code), f"{code}\n{out}{err}")
        if not matches(step.out, out):
            self.complain(step, "standard output", "\n".join(step.out), out)
        if not matches(step.err, err):
            self.complain(step, "standard error", "\n".join(step.err), err)

    def run_step(self, step, directory, environment):
        before = files_of(directory)
        done = subprocess.run(["/bin/bash", "-c", step.command], cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.compare(step, done.returncode, done.stdout, done.stderr)
        if done.returncode != 0 and files_of(directory) != before:
            self.complain(step, "files after a failure", "\n".join(sorted(before)), "\n".join(sorted(files_of(directory))))

    def start(self, step, directory, environment):
        log = directory / "state" / "daemon.log" if (directory / "state").is_dir() else directory.parent / "daemon.log"
        with open(log, "wb") as sink:
            self.daemon = subprocess.Popen(["/bin/bash", "-c", "exec " + step.command], cwd=directory, env=environment,
                                           stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.daemon.poll() is None:
            if "listening on" in log.read_text():
                return
            time.sleep(0.02)
        self.complain(step, "the daemon did not come up", "listening on ...", log.read_text())

    def stop(self, step):
        if self.daemon is None:
            return
        self.daemon.send_signal(signal.SIGTERM)
        try:
            code = self.daemon.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            code = "it had to be killed"
        if code != 0:
            self.complain(step, "exit code of the daemon", "0", str(code))
        self.daemon = None

    def run(self):
        environment = {"PATH": f"{self.bin_dir}:/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        steps = parse(self.path)
        with tempfile.TemporaryDirectory(prefix="keyfob-cli-") as parent:
            directory = pathlib.Path(parent) / "here"
            directory.mkdir()
            try:
                for step in steps:
                    if step.background and step.command == "stop":
                        self.stop(step)
                    elif step.background and step.command == "hup":
                        self.daemon.send_signal(signal.SIGHUP)
                    elif step.background:
                        self.start(step, directory, environment)
                    else:
                        self.run_step(step, directory, environment)
            finally:
                self.stop(steps[-1])
        return len(steps)


def indent(text):
    return "\n".join("    | " + line for line in text.rstrip("\n").splitlines())


def main():
    bin_dir = pathlib.Path(sys.argv[1]).resolve()
    failed = 0
    for name in sys.argv[2:]:
        transcript = Transcript(pathlib.Path(name), bin_dir)
        count = transcript.run()
        print(f"{'FAILED' if transcript.problems else 'ok'}  {transcript.path.stem} ({count} commands)")
        for problem in transcript.problems:
            print(problem)
        failed += bool(transcript.problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
