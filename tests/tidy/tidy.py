#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tidy: how this house is built, as a test.

    tidy.py [--root DIR] [--library FILE.so ...] [--archive FILE.a]
    tidy.py --self-test

Reads the sources and says where they leave the plan: a floor that includes one above it, a library
behind the wrong wall, an atomic outside the files that may have one, a file or function that has
grown too long, a word that is not used here. With --library and --archive it looks at what was
built, too. One line for each find; the status is 1 when there is one that is not only a warning.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

# The floors, from the ground up. A folder may include those on lower floors and itself.
FLOOR = {
    "engine/base": 1,
    "engine/io": 2, "engine/wire": 2,
    "engine/core": 3,
    "engine/security": 4, "patterns": 4, "transports": 4,
    "engine/api": 5,
    "monitor": 6,
}
LIBRARY = tuple(sorted(FLOOR)) + ("include",)
OTHERS = ("tools", "bench", "tests", "examples", "dropin")

# Where the outside world may come in.
WALLS = [
    (re.compile(r"<(liburing(/.*)?\.h|linux/io_uring\.h)>"), ("engine/io/", "tests/io/")),
    (re.compile(r"<sodium(/.*)?\.h>"), ("engine/security/box.c",)),
    (re.compile(r"<(gssapi|krb5|com_err)(/.*)?\.h>"), ("engine/security/gss.c",)),
    (re.compile(r"<pgm/.*>"), ("transports/pgm.c",)),
    (re.compile(r"<normApi\.h>"), ("transports/norm.c",)),
    (re.compile(r"<openssl/.*>"), ("transports/openssl.c", "tests/support/certs.c", "tests/security/tls_peer.c",
     "tests/fault/openssl_memory.c")),
    (re.compile(r"<benchmark/.*>"), ("bench/gbench.cc",)),
]

# The files in which threads meet. A new one needs a page in docs/threads.md first.
ATOMICS_FILE = "tests/tidy/atomics.txt"
ATOMIC = re.compile(r"\b(_Atomic|atomic_\w+|__atomic_\w+|__sync_\w+|memory_order_\w+)\b")

FILE_LINES, FUNCTION_LINES, FUNCTION_USUAL, WIDTH = 800, 100, 60, 100

# Words in code: pattern, where (path prefixes), why.
EVERYWHERE = LIBRARY + OTHERS
SHIPPED = LIBRARY + ("tools", "bench", "examples")
BANNED = [
    (r"\babort\s*\(", SHIPPED, "nothing ends the process"),
    (r"\bassert\s*\(", SHIPPED, "zu_assert, static_assert or an error"),
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets)\s*\(", SHIPPED, "has no bound"),
    (r"\b(atoi|atol|atoll|atof)\s*\(", SHIPPED, "cannot say that it failed"),
    (r"\b(s?rand|random)\s*\(", SHIPPED, "engine/base/random.h"),
    (r"\b(exit|_exit|_Exit|quick_exit)\s*\(", LIBRARY, "nothing ends the process"),
    (r"\b(malloc|calloc|realloc|free|strdup|strndup|aligned_alloc|posix_memalign)\s*\(", LIBRARY,
     "engine/base/alloc.h"),
    (r"\b(printf|puts|perror)\s*\(", LIBRARY, "a library does not speak"),
    (r"\b__attribute__\s*\(\(\s*(constructor|destructor)", EVERYWHERE,
     "loading the library costs nothing"),
]
# zmq_recviov hands out memory that its caller gives to free().
EXEMPT = {("engine/base/alloc.c", "engine/base/alloc.h"), ("engine/api/zmq_socket.c", "malloc")}
MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
LICENCE = "SPDX-License-Identifier: Apache-2.0"


class Finds:
    def __init__(self):
        self.lines, self.bad = [], 0

    def add(self, path, line, what, warning=False):
        self.lines.append("%s:%d: %s%s" % (path, line, "warning: " if warning else "", what))
        self.bad += not warning


def without_comments(text, strings=True):
    """The code with comments (and the insides of strings) blanked; lines keep their numbers."""
    def blank(m):
        s = m.group(0)
        if s[0] in "\"'":
            return s[0] + " " * (len(s) - 2) + s[0] if strings else s
        return re.sub(r"[^\n]", " ", s)
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def folder_of(path):
    for folder in FLOOR:
        if path.startswith(folder + "/"):
            return folder
    return None


def sources(root):
    for top in LIBRARY + OTHERS:
        for here, folders, names in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(names):
                yield os.path.relpath(os.path.join(here, name), root)


def check_includes(path, code, finds):
    mine = folder_of(path)
    for n, line in enumerate(code.split("\n"), 1):
        m = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not m:
            continue
        quoted, target = m.group(1) == '"', m.group(2)
        for wall, rooms in WALLS:
            if wall.match("<%s>" % target) and not path.startswith(rooms):
                finds.add(path, n, "<%s> is only for %s" % (target, " ".join(rooms)))
        if not quoted or path.startswith("include/"):
            continue
        if "/" not in target:
            finds.add(path, n, 'include "%s" from the root, so that the line shows its floor' % target)
        theirs = folder_of(target)
        if mine and theirs and mine != theirs and FLOOR[theirs] >= FLOOR[mine]:
            finds.add(path, n, "%s (floor %d) includes %s (floor %d)"
                      % (mine, FLOOR[mine], theirs, FLOOR[theirs]))
        if mine and target.split("/")[0] in OTHERS:
            finds.add(path, n, "the library includes %s" % target)


def check_words(path, text, code, atomics, finds):
    for n, line in enumerate(code.split("\n"), 1):
        for pattern, where, why in BANNED:
            m = re.search(pattern, line)
            if not m or not path.startswith(tuple(w + "/" for w in where)):
                continue
            word = m.group(0).strip("( ")
            if path.startswith("engine/base/alloc.") or (path, word) in EXEMPT:
                continue
            finds.add(path, n, "%s: %s" % (word, why))
        m = ATOMIC.search(line)
        if m and path.startswith(LIBRARY) and path not in atomics:
            finds.add(path, n, "%s: this file is not in %s" % (m.group(0), ATOMICS_FILE))
    for n, (line, plain) in enumerate(zip(text.split("\n"), code.split("\n")), 1):
        m = MARKS.search(line)
        if m and not plain[m.start():m.end()].strip():  # in a comment or a string
            finds.add(path, n, "%s: do it or write it down elsewhere" % m.group(0))
        if len(line) > WIDTH and not path.startswith("include/"):  # one constant, one line
            finds.add(path, n, "%d columns, %d are the limit" % (len(line), WIDTH))


def check_lengths(path, text, finds):
    lines = text.rstrip("\n").split("\n")
    if len(lines) > FILE_LINES:
        finds.add(path, len(lines), "%d lines: look for the second subject" % len(lines))
    start = None
    for n, line in enumerate(lines, 1):
        if line == "{":
            start = n
        elif line == "}" and start:
            size = n - start - 1
            if size > FUNCTION_USUAL:
                finds.add(path, start, "a function of %d lines" % size, size <= FUNCTION_LINES)
            start = None


def check_guard(path, text, finds):
    if path.startswith("include/"):
        return
    name = re.sub(r"^engine/", "", path)
    guard = "ZU_" + re.sub(r"\W", "_", name).upper()
    m = re.search(r"^#ifndef (\w+)\n#define (\w+)$", text, re.M)
    if not m or m.group(1) != guard or m.group(2) != guard:
        finds.add(path, 1, "the guard spells the path: %s" % guard)


def check_licence(path, text, finds):
    if LICENCE not in "\n".join(text.split("\n", 2)[:2]):
        finds.add(path, 1, "the licence stands on the first line")


def check_glossary(root, paths, finds):
    """A noun goes into the glossary before it goes into code: the last word of each struct."""
    try:
        with open(os.path.join(root, "docs/glossary.md")) as f:
            known = set(re.findall(r"[a-z0-9]+", f.read().lower()))
    except OSError:
        return
    for path in paths:
        if not path.endswith(".h") or not path.startswith(LIBRARY):
            continue
        with open(os.path.join(root, path)) as f:
            code = without_comments(f.read())
        for m in re.finditer(r"^struct zu_(\w+) \{", code, re.M):
            noun = m.group(1).split("_")[-1]
            if noun not in known and noun.rstrip("s") not in known:
                finds.add(path, code[:m.start()].count("\n") + 1,
                          "%s (struct zu_%s) is not in docs/glossary.md" % (noun, m.group(1)))


def check_sources(root, finds):
    try:
        with open(os.path.join(root, ATOMICS_FILE)) as f:
            atomics = {l.split()[0] for l in f if l.strip() and not l.startswith("#")}
    except OSError:
        atomics = set()
    paths = [p for p in sources(root) if re.search(r"\.(c|h|cc|cpp|hpp|cxx|py)$", p)]
    for path in paths:
        with open(os.path.join(root, path), encoding="utf-8") as f:
            text = f.read()
        check_licence(path, text, finds)
        if path.endswith(".py"):
            continue
        if re.search(r"\.(cc|cpp|hpp|cxx)$", path) and path != "bench/gbench.cc":
            finds.add(path, 1, "only bench/gbench.cc is C++")
        check_includes(path, without_comments(text, strings=False), finds)
        check_words(path, text, without_comments(text), atomics, finds)
        check_lengths(path, text, finds)
        if path.endswith(".h"):
            check_guard(path, text, finds)
    for path in atomics:
        if not os.path.exists(os.path.join(root, path)):
            finds.add(ATOMICS_FILE, 1, "%s is not there any more" % path)
    check_glossary(root, paths, finds)
    return len(paths)


def output(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True).stdout


def check_library(path, finds):
    symbols = [l.split()[-1] for l in output("nm", "-D", "--defined-only", path).splitlines()]
    for s in symbols:
        if not re.match(r"(zmq|zuring)_\w+$", s):
            finds.add(path, 0, "exports %s" % s)
    if "zmq_version" not in symbols:
        finds.add(path, 0, "does not export zmq_version")
    dyn = output("readelf", "-dW", path)
    for tag in ("INIT_ARRAYSZ", "FINI_ARRAYSZ"):
        m = re.search(r"\(%s\)\s+(\d+)" % tag, dyn)
        if m and int(m.group(1)) > 8:  # the compiler's own
            finds.add(path, 0, "%s of %s bytes: it has a constructor or destructor"
                      % (tag, m.group(1)))
    for flag in ("NODELETE", "NOW"):
        if not re.search(r"FLAGS_1.*\b%s\b" % flag, dyn):
            finds.add(path, 0, "is not linked with -z %s" % flag.lower())


def check_archive(path, finds):
    """Who links statically gets every name: they all have to be ours."""
    for line in output("nm", "-A", "--defined-only", "--extern-only", path).splitlines():
        s = line.split()[-1].removeprefix("__odr_asan.")  # the sanitizer's twin of each variable
        if not re.match(r"(zmq|zuring|zu)_\w+$", s):
            finds.add(path, 0, "defines %s" % s)


# Each of these has to be found, by a word of what is said about it.
WRONG = [
    ("engine/base/a.c", '#include "engine/core/x.h"\n', "floor"),
    ("engine/io/a.c", '#include "engine/wire/x.h"\n', "floor"),
    ("patterns/a.c", '#include "transports/x.h"\n', "floor"),
    ("engine/core/a.c", '#include "x.h"\n', "from the root"),
    ("engine/core/b.c", '#include "tests/x.h"\n', "the library includes"),
    ("engine/core/c.c", "#include <liburing.h>\n", "is only for"),
    ("transports/a.c", "#include <sodium.h>\n", "is only for"),
    ("bench/a.cc", "", "is C++"),
    ("engine/core/d.c", "_Atomic int x;\n", "atomics.txt"),
    ("engine/core/e.c", "int x;\n" * 800, "second subject"),
    ("engine/core/f.c", "void f(void)\n{\n" + "    ;\n" * 101 + "}\n", "a function of"),
    ("engine/core/g.c", "int " + "x" * 100 + ";\n", "columns"),
    ("engine/core/h.c", "void f(void)\n{\n    abort();\n}\n", "ends the process"),
    ("engine/core/i.c", "void f(void)\n{\n    assert(1);\n}\n", "zu_assert"),
    ("engine/core/j.c", "void f(void)\n{\n    strcpy(a, b);\n}\n", "no bound"),
    ("engine/core/k.c", "void f(void)\n{\n    free(a);\n}\n", "alloc.h"),
    ("tools/a.c", "/* TO" + "DO */\n", "write it down"),
    ("engine/core/l.h", "#ifndef X_H\n#define X_H\n#endif\n", "guard"),
    ("engine/core/m.h", "#ifndef ZU_CORE_M_H\n#define ZU_CORE_M_H\nstruct zu_gizmo {\n};\n#endif\n",
     "glossary"),
]
# And nothing in these.
RIGHT = [
    ("engine/core/ok.c", '#include "engine/base/x.h"\n/* abort() and malloc() are not used. */\n'
     "static_assert(1, \"malloc(1)\");\nvoid f(void)\n{\n    zu_assert(1);\n    zu_free(p);\n}\n"),
    ("engine/core/ok.h", "#ifndef ZU_CORE_OK_H\n#define ZU_CORE_OK_H\nstruct zu_pipe {\n};\n#endif\n"),
    ("engine/io/ok.c", "#include <liburing.h>\n"),
    ("engine/core/atomic.c", "_Atomic int x;\n"),
]


def self_test():
    licence = "/* %s */\n" % LICENCE
    failed = 0
    with tempfile.TemporaryDirectory() as root:
        def put(path, text):
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w") as f:
                f.write(text)

        put(ATOMICS_FILE, "engine/core/atomic.c\n")
        put("docs/glossary.md", "pipe\n")
        for path, text in RIGHT:
            put(path, licence + text)
        put("engine/core/nolicence.c", "int x;\n")
        for path, text, _ in WRONG:
            put(path, licence + text)
        finds = Finds()
        check_sources(root, finds)
        for path, _, word in WRONG + [("engine/core/nolicence.c", "", "licence")]:
            if not any(l.startswith(path + ":") and word in l for l in finds.lines):
                print("self-test: not found: %s (%s)" % (path, word))
                failed += 1
        for path, _ in RIGHT:
            for l in finds.lines:
                if l.startswith(path + ":"):
                    print("self-test: wrongly found: " + l)
                    failed += 1
    print("self-test: %d cases, %d failed" % (len(WRONG) + 1 + len(RIGHT), failed))
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description="The style as a test.")
    parser.add_argument("--root", default=os.path.join(os.path.dirname(__file__), "..", ".."))
    parser.add_argument("--library", action="append", default=[])
    parser.add_argument("--archive", action="append", default=[])
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    finds = Finds()
    count = check_sources(args.root, finds)
    for path in args.library:
        check_library(path, finds)
    for path in args.archive:
        check_archive(path, finds)
    for line in finds.lines:
        print(line)
    print("%d files, %d finds, %d warnings" % (count, finds.bad, len(finds.lines) - finds.bad))
    return 1 if finds.bad or not count else 0


if __name__ == "__main__":
    sys.exit(main())
