#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""conformance: libzmq's own test programs against this library, and what of it was expected.

    conformance.py --lib build/dropin --include include [--report FILE] [-- more for libzmq-suite]

Runs libzmq-suite, with the draft interface, and compares with expected.txt. The status is 0 when the preliminary checks are
well and every program passes that expected.txt does not excuse. The report has a line for each
program, separated by tabs: name, PASS, FAIL, EXCUSED or SKIP, and the reason.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def excuses(path):
    found = {}
    with open(path) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, _, reason = line.strip().partition(" ")
                found[name] = reason.strip()
    return found


def results(path):
    with open(path) as f:
        for line in f:
            fields = line.rstrip("\n").split("\t")
            yield fields[0], fields[1], fields[-1]


def run_suite(args, report):
    """Shows the suite's lines as they come; the checks that are bad."""
    bad = []
    command = [sys.executable, os.path.join(HERE, "libzmq-suite"), "--lib", args.lib, "--include",
               args.include, "--draft", "--report", report] + args.more
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as suite:
        for line in suite.stdout:
            print(line, end="", flush=True)
            if line.startswith("CHECK BAD"):
                bad.append(line[len("CHECK BAD"):].strip())
    return bad


def is_excused(check, expected):
    """A header that differs from 4.3.4's in nothing but what expected.txt names."""
    said, _, differ = check.partition("; differ: ")
    names = re.findall(r"\b(\w+)=", differ)
    return bool(names) and "missing" not in said and all("header:" + n in expected for n in names)


def main():
    p = argparse.ArgumentParser(description="libzmq's own tests against this library.")
    p.add_argument("--lib", required=True)
    p.add_argument("--include", required=True)
    p.add_argument("--expected", default=os.path.join(HERE, "expected.txt"))
    p.add_argument("--report", metavar="FILE")
    p.add_argument("more", nargs="*", help="arguments for libzmq-suite")
    args = p.parse_args()
    expected = excuses(args.expected)
    with tempfile.NamedTemporaryFile(suffix=".tsv") as raw:
        bad_checks = [c for c in run_suite(args, raw.name) if not is_excused(c, expected)]
        found = list(results(raw.name))
    if not found:
        print("conformance: libzmq-suite gave no results")
        return 2
    lines, failed, excused, better = [], [], [], []
    for name, verdict, why in found:
        if verdict in ("FAIL", "TIMEOUT"):
            (excused if name in expected else failed).append(name)
            verdict, why = ("EXCUSED", expected[name]) if name in expected else ("FAIL", why)
        elif verdict == "PASS" and name in expected:
            better.append(name)
        lines.append((name, verdict, why))
    lines += [("checks of the library and its header", "FAIL", c) for c in bad_checks]
    if args.report:
        with open(args.report, "w") as f:
            f.writelines("\t".join(l) + "\n" for l in lines)
    for name, verdict, why in lines:
        if verdict == "EXCUSED":
            print("excused: %s: %s" % (name, why))
    for name in better:
        print("passes although excused, take it out of expected.txt: " + name)
    for name, verdict, why in lines:
        if verdict == "FAIL":
            print("FAILED: %s: %s" % (name, why))
    print("conformance: %d passed, %d failed, %d excused, %d skipped"
          % (sum(l[1] == "PASS" for l in lines), sum(l[1] == "FAIL" for l in lines), len(excused),
             sum(l[1] == "SKIP" for l in lines)))
    return 1 if failed or bad_checks else 0


if __name__ == "__main__":
    sys.exit(main())
