"""What the checkers of this folder share: which files are ours, and C++ text with its comments and strings blanked."""

import pathlib
import re
import subprocess
import sys

CPP = {".cpp", ".hpp"}
_SKIP = {"build", ".git", "node_modules", "__pycache__"}
_TOKEN = re.compile(
    r'(?P<comment>//[^\n]*|/\*.*?\*/)'
    r'|(?P<raw>R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)")'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+')",
    re.DOTALL,
)


def files(root):
    """Paths below root, relative, sorted: tracked or new ones, without what git ignores (all of them outside git)."""
    root = pathlib.Path(root)
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, capture_output=True, text=True).stdout
        names = {pathlib.PurePosixPath(name) for name in listed.split("\0") if name}
    else:
        names = {pathlib.PurePosixPath(p.relative_to(root).as_posix()) for p in root.rglob("*") if p.is_file()}
    return sorted(n for n in names if not _SKIP.intersection(n.parts) and (root / n).is_file())


def sources(root):
    return [name for name in files(root) if name.suffix in CPP]


def blank(text, strings=True):
    """The text with comments (and string literals) turned into spaces; offsets and line numbers stay the same."""
    def spaces(match):
        if match.group("comment") or strings:
            return re.sub(r"[^\n]", " ", match.group(0))
        return match.group(0)
    return _TOKEN.sub(spaces, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def finish(name, problems, checked):
    """Prints the problems and ends the program: 0 when there are none."""
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print(f"{name}: {len(problems)} problem(s) in {checked} files", file=sys.stderr)
        sys.exit(1)
    print(f"{name}: {checked} files, no problem")
