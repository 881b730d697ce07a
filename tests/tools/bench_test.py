#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench_test.py ZURING LIBZMQ: `zuring bench` as a user has it, with very short rounds.

What is measured is not judged, a loaded machine may be as slow as it likes; only that everything
asked for was measured, and is told in every form.
"""

import contextlib
import errno
import json
import os
import pty
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml

ZURING, LIBZMQ = sys.argv[1:3]
SHORT = ["--seconds", "0.05", "--rounds", "2", "--patience", "200"]
RATE = ["--throughput", *SHORT]


def bench(*args, status=0, env=None):
    run = subprocess.run([ZURING, "bench", *args], capture_output=True, text=True, timeout=800,
                         stdin=subprocess.DEVNULL, env=dict(os.environ, **(env or {})))
    assert run.returncode == status, (args, run.returncode, run.stdout, run.stderr)
    return run


def bench_json(*args, **more):
    return json.loads(bench(*args, "--json", "-", "--quiet", **more).stdout)


def curves(page):
    """(library, what) of each line that was drawn with at least one point."""
    found = set()
    for group in page.iter("g"):
        if "curve" in group.get("class", "").split():
            line = group.find("polyline")
            assert len(line.get("points").split()) >= 1
            found.add((group.get("data-library"), group.get("data-name")))
    return found


@contextlib.contextmanager
def library_that(does):
    """A folder with a library that is one by its names, and `does` something when it is used."""
    calls = ("ctx_term close bind connect setsockopt getsockopt msg_init msg_init_size msg_data "
             "msg_size msg_send msg_recv msg_close errno strerror socket")
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "a.c")
        with open(source, "w") as f:
            f.write("#include <stdlib.h>\n#include <unistd.h>\n"
                    "void zmq_version(int *a, int *b, int *c) {*a = 4, *b = 0, *c = 9;}\n"
                    "void *zmq_ctx_new(void) {return (void *)1;}\n")
            for call in calls.split():
                f.write("void zmq_%s(void) {%s}\n" % (call, does))
        subprocess.run(["cc", "-shared", "-fPIC", "-o", os.path.join(folder, "libzmq.so.5"),
                        source], check=True)
        yield folder


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.01)


def state_and_parent(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            state, parent = f.read().rsplit(")", 1)[1].split()[:2]
        return state, int(parent)
    except OSError:
        return "X", 0  # it is gone


def children(pid):
    return [p for p in map(int, filter(str.isdigit, os.listdir("/proc")))
            if state_and_parent(p)[1] == pid]


def is_alive(pid):
    """Not gone, and no zombie of somebody who does not wait for it."""
    return state_and_parent(pid)[0] not in "ZX"


def read_to_end(terminal):
    """What was written to a terminal that nobody has open any more: in pieces, then EIO."""
    seen = b""
    try:
        while piece := os.read(terminal, 65536):
            seen += piece
    except OSError as e:
        if e.errno != errno.EIO:
            raise
    finally:
        os.close(terminal)
    return seen.decode()


class Bench(unittest.TestCase):
    def check_spread(self, figures):
        self.assertEqual(len(figures["rounds"]), 2)
        low, high = sorted(figures["rounds"])
        self.assertGreater(low, 0)
        self.assertAlmostEqual(figures["messages_per_second"], (low + high) / 2, delta=1)

    def test_throughput_beside_libzmq(self):
        with tempfile.TemporaryDirectory() as folder:
            page, data = os.path.join(folder, "p.html"), os.path.join(folder, "d.json")
            with open(page, "w") as f:
                f.write("x" * 1000000)  # an older and longer one
            run = bench(*RATE, "--transports", "tcp,ipc,inproc", "--sizes", "16,1K",
                        "--against", LIBZMQ, "--json", data, "--html", page)
            with open(data) as f:
                seen = json.load(f)
            page = xml.parse(page)
        self.assertEqual(seen["kind"], "throughput")
        self.assertEqual([l["role"] for l in seen["libraries"]], ["measured", "against"])
        ours, theirs = [l["name"] for l in seen["libraries"]]
        self.assertRegex(ours, r"^zuring \d")
        self.assertRegex(theirs, r"^libzmq \d")
        self.assertIn(seen["libraries"][0]["backend"], ("io_uring", "readiness"))
        self.assertEqual([(r["transport"], r["size"]) for r in seen["rows"]],
                         [(t, s) for t in ("tcp", "ipc", "inproc") for s in (16, 1024)])
        for row in seen["rows"]:
            for name, figures in zip((ours, theirs), row["results"]):
                self.assertEqual(figures["library"], name)
                self.check_spread(figures)
            ratio = (row["results"][0]["messages_per_second"] /
                     row["results"][1]["messages_per_second"])
            self.assertAlmostEqual(row["times_ahead"], ratio, delta=0.01)
        self.assertEqual(curves(page), {(l, t) for l in (ours, theirs)
                                        for t in ("tcp", "ipc", "inproc")})
        # A line for each row in the table, and one of progress, as this is no terminal.
        lines = [l for l in run.stdout.splitlines() if re.match("(tcp|ipc|inproc) ", l)]
        self.assertEqual(len(lines), 6)
        for line in lines:
            self.assertRegex(line, r"/s.*/s.*/s.*/s.* \d+\.\d\d$")
        self.assertEqual(len(re.findall(r"^\[\d/6\]", run.stderr, re.M)), 6)
        self.assertNotIn("\033", run.stderr)

    def test_latency_beside_libzmq(self):
        with tempfile.TemporaryDirectory() as folder:
            page, data = os.path.join(folder, "p.html"), os.path.join(folder, "d.json")
            run = bench("--latency", *SHORT, "--transports", "tcp,ipc,inproc", "--rates", "1000",
                        "--gaps", "1,10", "--against", LIBZMQ, "--json", data, "--html", page)
            with open(data) as f:
                seen = json.load(f)
            page = xml.parse(page)
        rows = [("tcp", "req-rep"), ("ipc", "req-rep"), ("inproc", "req-rep"), ("inproc", "pair")]
        loads = ["full rate", "1000/s", "after 1 ms", "after 10 ms"]
        self.assertEqual([(r["transport"], r["pattern"], r["load"]) for r in seen["rows"]],
                         [(*r, l) for r in rows for l in loads])
        for row in seen["rows"]:
            for figures in row["results"]:
                known = [figures[p] for p in ("p50_ns", "p90_ns", "p99_ns", "p99.9_ns", "max_ns")
                         if figures[p] is not None]
                self.assertEqual(known, sorted(known))
                self.assertGreaterEqual(len(known), 3)
                self.assertGreater(known[0], 0)
                # Two rounds of so many at least, whatever the machine is doing.
                least = 200 if row["load"] == "full rate" else 10
                self.assertGreaterEqual(figures["samples"], least)
                self.assertEqual(len(figures["rounds_p50_ns"]), 2)
                self.assertGreaterEqual(figures["cpu_percent"], 0)
                if row["load"] == "full rate":
                    self.assertGreater(figures["cpu_percent"], 0)
                points = figures["distribution"]
                self.assertEqual(points, sorted(points))
                self.assertEqual((points[0][0], points[-1]), (0, [100, figures["max_ns"]]))
            self.assertIn("p50", row["times_ahead"])
        names = [l["name"] for l in seen["libraries"]]
        self.assertEqual(curves(page), {(n, l) for n in names for l in loads})
        self.assertEqual(len(page.findall(".//svg[@role]")), 4)
        for word in ("p50", "p90", "p99", "p99.9", "max", "CPU", "times ahead", "█"):
            self.assertIn(word, run.stdout)

    def test_both_at_once(self):
        with tempfile.TemporaryDirectory() as folder:
            page = os.path.join(folder, "p.html")
            run = bench(*SHORT, "--transports", "tcp,inproc", "--html", page, "--json", "-")
            page = xml.parse(page)
        seen = json.loads(run.stdout)
        self.assertEqual(seen["kind"], "both")
        rates = [(r["kind"], r["transport"], r["pattern"], r["size"]) for r in seen["rows"]]
        self.assertEqual(rates,
                         [("throughput", t, "push-pull", s) for t in ("tcp", "inproc")
                          for s in (16, 256, 1024, 65536, 1048576)] +
                         [("latency", "tcp", "req-rep", 64), ("latency", "inproc", "req-rep", 64),
                          ("latency", "inproc", "pair", 64)])
        name = seen["libraries"][0]["name"]
        self.assertEqual(curves(page), {(name, n) for n in (
            "tcp", "inproc", "tcp, req-rep, 64 B", "inproc, req-rep, 64 B", "inproc, pair, 64 B")})

    def test_a_due_time_that_was_missed_counts(self):
        """A million a second cannot be asked, so requests wait ever longer for their turn."""
        row, = bench_json("--latency", *SHORT, "--transports", "tcp", "--rates", "1000000",
                          "--gaps", "none")["rows"][1:]
        figures = row["results"][0]
        self.assertLess(figures["requests_per_second"], 950000)
        # The last one waited for all that came too late, most of the time that it took.
        self.assertGreater(figures["max_ns"], 10e6)

    def test_curve_where_there_is_some(self):
        args = [*RATE, "--transports", "curve", "--sizes", "64"]
        seen = bench_json(*args, "--library", LIBZMQ)
        self.assertRegex(seen["libraries"][0]["name"], "^libzmq")
        if seen["libraries"][0]["curve"]:
            self.check_spread(seen["rows"][0]["results"][0])
        else:
            self.assertEqual(seen["rows"][0]["results"][0]["missing"], "no curve in this library")
        ours = bench_json(*args)
        if not ours["libraries"][0]["curve"]:
            self.assertEqual(ours["rows"][0]["results"][0]["missing"], "no curve in this library")
            self.assertIn("no curve in this library", bench(*args).stdout)

    def test_patterns(self):
        for pattern in ("pair", "dealer-router"):
            for kind in (["--throughput"], ["--latency", "--rates", "none", "--gaps", "none"]):
                seen = bench_json(*kind, *SHORT, "--transports", "tcp,inproc", "--sizes", "100",
                                  "--pattern", pattern)
                self.assertEqual([r["pattern"] for r in seen["rows"]], [pattern] * 2)
                for row in seen["rows"]:
                    self.assertNotIn("missing", row["results"][0])

    def test_two_of_a_name_are_told_apart(self):
        folder = os.path.dirname(LIBZMQ)
        seen = bench_json(*RATE, "--transports", "inproc", "--sizes", "16", "--library", LIBZMQ,
                          "--against", folder)
        one, other = seen["libraries"]
        self.assertEqual(one["file"], other["file"])
        self.assertNotEqual(one["name"], other["name"])

    def check_refused(self, status, pattern, *args, **more):
        run = bench(*args, status=status, **more)
        self.assertRegex(run.stderr, pattern)
        self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
        return run

    def test_refusals_say_what_to_do(self):
        short = [*RATE, "--transports", "tcp", "--sizes", "16", "--quiet"]
        self.check_refused(2, "bench --help", "--colour")
        self.check_refused(2, "wrong is not a transport: tcp, ipc", "--transports", "wrong")
        self.check_refused(1, "No such file.*name a libzmq.so.5", "--against", "/none/libzmq.so.5")
        self.check_refused(1, "no libzmq.so.5 in this folder", "--library", "/proc")
        self.check_refused(1, "name a libzmq.so.5", "--library", "libnone.so.5")
        self.check_refused(1, "has no zmq_", "--library", "libc.so.6")
        self.check_refused(1, "ZURING_DROPIN", env={"ZURING_DROPIN": "/none"})
        self.check_refused(1, "No such file", "--html", "/none/a.html")
        self.check_refused(1, "cannot bind .*--address HOST:PORT", *short, "--address", "192.0.2.1")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.check_refused(1, "cannot bind .*in use.*--address HOST:PORT", *short,
                               "--address", "127.0.0.1:%d" % taken.getsockname()[1])

    def test_a_library_that_dies_is_tried_again_and_told(self):
        with library_that("abort();") as folder:
            run = bench(*RATE, "--transports", "tcp,inproc", "--sizes", "16", "--library", folder,
                        "--quiet", status=1)
        self.assertEqual(run.stderr.count("crashed: signal 6"), 6, run.stderr)
        self.assertEqual(run.stderr.count("once more"), 4)
        self.assertEqual(run.stdout.count("crashed, 3 times"), 2)

    def test_a_library_that_hangs_is_killed_and_told(self):
        with library_that("for (;;) pause();") as folder:
            run = bench(*RATE, "--transports", "tcp", "--sizes", "16", "--library", folder,
                        "--patience", "0.5", "--quiet", status=1)
        self.assertEqual(run.stderr.count("hung: no end after"), 3, run.stderr)
        self.assertIn("hung, 3 times", run.stdout)

    def test_workers_end_with_who_started_them(self):
        with library_that("for (;;) pause();") as folder:
            main = subprocess.Popen([ZURING, "bench", *SHORT, "--transports", "tcp", "--sizes",
                                     "16", "--library", folder, "--patience", "200"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for(lambda: len(children(main.pid)) == 2)
            workers = children(main.pid)
            main.kill()
            main.wait()
            wait_for(lambda: not any(map(is_alive, workers)))

    def test_progress_on_a_terminal_is_one_line_that_goes_away(self):
        ours, theirs = pty.openpty()
        try:
            run = subprocess.run([ZURING, "bench", *RATE, "--transports", "inproc", "--sizes",
                                  "16,17"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=theirs, text=True, timeout=800)
        finally:
            os.close(theirs)
            seen = read_to_end(ours)
        self.assertEqual(run.returncode, 0)
        self.assertIn("[2/2] inproc 17 B, round 2 of 2, zuring", seen)
        self.assertNotIn("\n", seen)
        self.assertTrue(seen.endswith("\r\033[K"), seen)
        self.assertNotIn("\033", run.stdout)

    def test_help_is_one_screen(self):
        text = bench("--help").stdout
        self.assertLessEqual(len(text.splitlines()), 30)
        self.assertLessEqual(max(map(len, text.splitlines())), 100)
        for word in ("--latency", "--against", "--html", "--json"):
            self.assertIn(word, text)

    def test_a_worker_is_not_for_users(self):
        run = subprocess.run([ZURING, "bench-worker"], capture_output=True, text=True, timeout=800)
        self.assertEqual(run.returncode, 1)
        self.assertIn("zuring bench", run.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
