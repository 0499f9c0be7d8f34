#!/usr/bin/env python3
"""Each gate must be able to fail: a tree with one planted violation at a time goes through each checker."""

import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONG = "\n".join(f"  f({n});" for n in range(60))

# A small tree in which every checker finds nothing.
SOUND = {
    "src/base/result.hpp": "#pragma once\nnamespace keyfob {}\n",
    "src/base/secret.hpp": "#pragma once\ninline int reveal_secret(int s) { return s; }\n",
    "src/core/grant.hpp": '#pragma once\n#include "base/result.hpp"\n#include <string>\n',
    "src/store/memory/store.hpp": '#pragma once\n#include "core/grant.hpp"\n',
    "src/store/sqlite/store.hpp": '#pragma once\n#include "core/grant.hpp"\n',
    "src/store/sqlite/store.cpp": '#include "store/sqlite/store.hpp"\n#include <sqlite3.h>\n',
    "src/crypto/openssl.hpp": "#pragma once\n#include <openssl/evp.h>\n",
    "src/crypto/aead.hpp": "#pragma once\n",
    "src/crypto/aead.cpp": '#include "crypto/aead.hpp"\n#include "crypto/openssl.hpp"\n',
    "src/http/server.hpp": "#pragma once\n// serves grants and vehicles alike\n",
    "src/http/server.cpp": '#include "http/server.hpp"\n#include <boost/beast.hpp>\n',
    "src/engine/engine.hpp": '#pragma once\n#include "core/grant.hpp"\n',
    "src/engine/engine_test.cpp": '#include "engine/engine.hpp"\n#include "store/memory/store.hpp"\n#include "testing/clock.hpp"\n',
    "testing/clock.hpp": "#pragma once\n",
    "apps/keyfob/main.cpp": '#include "main_parts.hpp"\n#include "engine/engine.hpp"\n#include <CLI/CLI.hpp>\nint main() {}\n',
    "apps/keyfob/main_parts.hpp": "#pragma once\n",
    "docs/a.md": "# A page\n\n[itself](#a-page), [b](b.md#two-words), [outside](https://example.com/x)\n",
    "docs/b.md": "# B\n\n## `Two` words\n\n`[not](a-link.md)`\n",
}

# checker, file, content, a piece of the message that must come
PLANTED = [
    ("links", "docs/c.md", "[gone](gone.md)", "gone.md leads nowhere"),
    ("links", "docs/c.md", "![picture](images/gone.png)", "images/gone.png leads nowhere"),
    ("links", "docs/c.md", "[b](b.md#three-words)", "the page has no such heading"),
    ("links", "packaging/a.yaml", "# see docs/how-to/gone.md", "there is no docs/how-to/gone.md"),
    ("layers", "src/core/a.hpp", '#include "engine/engine.hpp"', "src/core may not include engine"),
    ("layers", "src/store/memory/a.hpp", '#include "store/sqlite/store.hpp"', "may not include store/sqlite"),
    ("layers", "src/engine/a.cpp", '#include "testing/clock.hpp"', "may not include testing"),
    ("layers", "src/engine/b_test.cpp", '#include "http/server.hpp"', "src/engine may not include http"),
    ("layers", "src/engine/a.cpp", "#  include <sqlite3.h>", "SQLite stays inside store/sqlite"),
    ("layers", "src/engine/a.cpp", "#include <libpq-fe.h>", "libpq stays inside store/postgres"),
    ("layers", "src/engine/a.cpp", "#include <openssl/evp.h>", "OpenSSL stays inside crypto"),
    ("layers", "src/engine/a.cpp", "#include <boost/beast/http.hpp>", "Beast stays inside http"),
    ("layers", "src/crypto/a.hpp", "#include <openssl/evp.h>", "OpenSSL in .cpp files only"),
    ("layers", "src/crypto/a.hpp", '#include "crypto/openssl.hpp"', "private to the .cpp files"),
    ("layers", "src/core/a.cpp", "#include <boost/asio/post.hpp>", "does no I/O"),
    ("layers", "src/core/a.cpp", "#include <thread>", "does no I/O"),
    ("layers", "src/core/a.cpp", "#include <fstream>", "does no I/O"),
    ("layers", "src/core/a.cpp", "#include <random>", "does no I/O"),
    ("layers", "src/core/a.cpp", "auto t = std::chrono::system_clock::now();", "decisions take `now`"),
    ("layers", "src/engine/a.cpp", "auto t = std::chrono::steady_clock::now();", "decisions take `now`"),
    ("layers", "src/http/a.cpp", 'auto e = getenv("X");', "only apps/ read the environment"),
    ("layers", "src/http/a.cpp", "struct Grant;", "no word of the domain"),
    ("layers", "src/core/a.cpp", '#include "grant.hpp"', "is no header of ours"),
    ("layers", "src/newfolder/a.cpp", "int x;", "is not in the table"),
    ("layers", "apps/keyfob/a.cpp", '#include "store/memory/store.hpp"', "may not include store/memory"),
    ("functions", "src/core/a.cpp", "void long_one() {\n" + LONG + "\n}\n", "long_one has 62 lines"),
    ("functions", "src/core/a.cpp", "namespace a {\nclass B {\n  int f(int x = g({1})) const {\n" + LONG + "\n  }\n};\n}\n", "f has 62 lines"),
    ("functions", "src/core/a.cpp", "B::B(int a)\n    : a_{a}, b_(2) {\n" + LONG + "\n}\n", "lines, the limit is 60"),
    ("functions", "src/core/a.cpp", "auto l = [](int x) {\n" + LONG + "\n};\n", "lines, the limit is 60"),
    ("functions", "src/core/a.cpp", "int M::step(int e) {\n" + LONG + LONG + "\n}\n", "step has 121 lines, the limit is 100"),
    ("functions", "src/core/a.cpp", "int x;\n" * 501, "501 lines, the limit is 500"),
    ("functions", "tools/a.py", "def long_one():\n" + "    pass\n" * 60, "long_one has 61 lines"),
    ("secrets", "src/http/a.cpp", "int x = reveal_secret(1);", "reveal_secret() is not for this file"),
    ("secrets", "src/vault/pair.cpp", "int x;", "does not call reveal_secret()"),
]

# What looks like a violation and is none.
INNOCENT = [
    ("layers", "src/core/a.cpp", "// system_clock::now() is not for us, nor #include <thread>\n"),
    ("layers", "src/core/a.cpp", '/*\n#include "engine/engine.hpp"\n*/\n'),
    ("layers", "src/http/a.cpp", 'auto s = "grant";\n'),
    ("functions", "src/core/a.cpp", "constexpr int kTable[] = {\n" + "  1,\n" * 80 + "};\n"),
    ("functions", "src/core/a.cpp", "enum class E {\n" + "".join(f"  e{n},\n" for n in range(80)) + "};\n"),
    ("functions", "src/core/a.cpp", "const P kP = make({\n" + "  1,\n" * 80 + "});\n"),
    ("functions", "src/core/a.cpp", "struct S {\n" + "  int f() { return 1; }\n" * 80 + "};\n"),
    ("functions", "src/core/a.cpp", "int M::step(int e) {\n" + LONG + "\n}\n"),
    ("functions", "src/core/a.cpp", 'void f() { g("{{{"); }\n// {\n' + "int x;\n" * 80),
    ("secrets", "src/http/a.cpp", "// reveal_secret(x) is not for us\n"),
    ("secrets", "src/http/a_test.cpp", "int x = reveal_secret(1);\n"),
]


def run(checker, extra):
    """Exit code and output of a checker over the sound tree with one more file."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**SOUND, **extra}.items():
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([ROOT / "tools" / f"check_{checker}", folder], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


def format_gate():
    """The format gate has no tree to plant in, so it is given a file."""
    with tempfile.NamedTemporaryFile(suffix=".cpp", mode="w") as file:
        file.write("int   x ;\n")
        file.flush()
        return subprocess.run([ROOT / "tools" / "check_format", file.name], capture_output=True, check=False).returncode != 0


def tidy_gate():
    """clang-tidy with the checks of the house finds a use after move, and nothing once it is gone."""
    text = "#include <string>\n#include <utility>\nstd::size_t f(std::string a) {{ std::string b = std::move(a); return {}.size(); }}\n"
    codes = []
    for name in ("a", "b"):
        with tempfile.NamedTemporaryFile(suffix=".cpp", mode="w") as file:
            file.write(text.format(name))
            file.flush()
            command = ["clang-tidy-19", f"--config-file={ROOT / '.clang-tidy'}", "--quiet", file.name, "--", "-std=c++23"]
            codes.append(subprocess.run(command, capture_output=True, check=False).returncode)
    return codes[0] != 0 and codes[1] == 0


def main():
    failures = []
    for checker in ("layers", "functions", "secrets", "links"):
        code, output = run(checker, {})
        if code != 0:
            failures.append(f"{checker} complains about the sound tree:\n{output}")
    for checker, name, text, message in PLANTED:
        code, output = run(checker, {name: text})
        if code != 1 or message not in output:
            failures.append(f"{checker} did not find {message!r} in {name} (exit {code}):\n{output}")
    for checker, name, text in INNOCENT:
        code, output = run(checker, {name: text})
        if code != 0:
            failures.append(f"{checker} complains about {name}, which is fine:\n{text[:200]}\n{output}")
    if not format_gate():
        failures.append("format did not find a badly formatted file")
    if not tidy_gate():
        failures.append("clang-tidy did not tell a use after move from none")
    print("\n".join(failures) or f"{len(PLANTED) + 2} planted violations found, {len(INNOCENT)} innocent ones passed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
