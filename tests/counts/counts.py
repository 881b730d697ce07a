#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""counts: the instructions a message costs, held against the record, so that a gain is kept.

    counts.py --program build/tests/counts/counts              fails where a row has moved by over 5 %
    counts.py --program build/tests/counts/counts --record     writes what is seen to counts.txt

Each row runs once under callgrind, which counts the same every time for the same build. The record
names the compiler it was made with: another one makes other code, and then nothing is compared.
"""

import argparse
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RECORD = os.path.join(HERE, "counts.txt")
WITHIN = 0.05
# One copying routine on every processor.
PLAIN = "glibc.cpu.hwcaps=-AVX2,-AVX,-AVX512F,-AVX512VL,-ERMS,-FSRM,-AVX_Fast_Unaligned_Load"


def compiler():
    out = subprocess.run([os.environ.get("CC", "cc"), "-dumpfullversion"], stdout=subprocess.PIPE,
                         text=True, check=True).stdout.strip()
    machine = os.uname().machine
    return "gcc %s %s" % (out, machine)


def read_record():
    head, rows = "", {}
    with open(RECORD) as f:
        for line in f:
            if line.startswith("# made with "):
                head = line[len("# made with "):].strip()
            elif line.strip() and not line.startswith("#"):
                name, count = line.split()
                rows[name] = float(count)
    return head, rows


def count(program, row):
    """Instructions a message."""
    argv = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no",
            "--toggle-collect=counted", program, row]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600,
                          env=dict(os.environ, GLIBC_TUNABLES=PLAIN))
    messages = re.search(r"^messages (\d+)", done.stdout, re.M)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not messages or not collected:
        raise SystemExit("counts: %s under callgrind: status %d\n%s" % (
            row, done.returncode, done.stderr[-2000:]))
    return int(collected.group(1)) / int(messages.group(1))


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--program", required=True)
    args.add_argument("--record", action="store_true", help="write what is seen")
    args.add_argument("--tsv", help="a line for each row: name, PASS or FAIL or SKIP, why")
    args = args.parse_args()
    rows = subprocess.run([args.program], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.split()
    made_with, record = ("", {}) if args.record else read_record()
    verdicts = []
    same = made_with == compiler()
    for row in rows:
        if not args.record and not same:
            verdicts.append((row, "SKIP", "recorded with %s, this is %s" % (made_with, compiler())))
            continue
        seen = count(args.program, row)
        known = record.get(row)
        moved = seen / known - 1 if known else 0
        print("%-18s %9.1f%s" % (row, seen, "  recorded %9.1f  %+5.1f %%" % (known, 100 * moved)
                                 if known else ""), flush=True)
        if args.record:
            record[row] = seen
        elif known is None:
            verdicts.append((row, "FAIL", "not in the record: counts.py --record"))
        elif abs(moved) > WITHIN:
            verdicts.append((row, "FAIL", "%.1f instructions a message, %.1f in the record (%+.1f %%); "
                             "if that is meant: ./dev counts --record" % (seen, known, 100 * moved)))
        else:
            verdicts.append((row, "PASS", ""))
    if args.record:
        with open(RECORD, "w") as f:
            f.write("# Instructions a message, by counts.py --record.\n# made with %s\n" % compiler())
            f.writelines("%s %.1f\n" % item for item in record.items())
    if args.tsv:
        with open(args.tsv, "w") as f:
            f.writelines("\t".join(v) + "\n" for v in verdicts)
    for name, verdict, why in verdicts:
        if verdict != "PASS":
            print("%s %s: %s" % (verdict, name, why))
    return any(v[1] == "FAIL" for v in verdicts)


if __name__ == "__main__":
    sys.exit(main())
