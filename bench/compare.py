#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare: the same programs with two libraries, in turn, in one run.

    compare.py --programs build/bench --ours build/dropin --theirs /usr/lib/x86_64-linux-gnu

Each row is measured `--rounds` times; in each round every contestant has its turn, and who begins
changes. Shown are medians, the spread (largest minus smallest, in percent of the median) and how
many times better ours is: above 1 is ahead. With --growth the rows are others: each figure as the work
grows, in size, connections, loops and subscriptions; --html draws them as curves. The contestants are zuring over io_uring, zuring over
readiness, and libzmq; with --bare also two plain sockets, which are as fast as any library can be.
In rows of latency, which have a table of their own, these are two contestants: calls that do not
wait, in a loop, which need a core each; and calls that wait. Over inproc they are two threads at a
word in memory. Such a row has what it is to reach beside it, in times libzmq. A monitored socket is
measured against the same one unmonitored, so that row has no libzmq, and is to reach that many times.

A run that does not end is killed and repeated, up to three times: libzmq 4.3.4 loses the tail of a
stream over ipc now and then, and its receiver then waits for ever. How often that was is shown.
"""

import argparse
import collections
import ctypes
import functools
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import curves

ATTEMPTS = 3

# What is measured. The transport `curve` is tcp with CURVE; `tls` has no libzmq beside it. `peers`: how many sockets are at the
# other end. `short`: in the short table. `loops`: ZMQ_IO_THREADS, 0 for the library's own. `what`:
# which of a program's measurements.
# `load`, `interval`: of round trips, when each is made; in microseconds. `must`: figure: what it is
# to reach in times libzmq, and how many times the bare sockets would be good enough as well; of
# ALONE, in times what its program compares with.
Row = collections.namedtuple("Row", "kind transport size count short peers loops what load interval must",
                             defaults=(False, 1, 0, "", "full", 0, {}))

ROWS = [
    Row("thr", "tcp", 16, 4000000, True),
    Row("thr", "tcp", 256, 1500000),
    Row("thr", "tcp", 1024, 600000),
    Row("thr", "tcp", 65536, 20000, True),
    Row("thr", "tcp", 1048576, 5000),
    Row("thr", "ipc", 16, 4000000, True),
    Row("thr", "ipc", 256, 1500000),
    Row("thr", "ipc", 1024, 600000),
    Row("thr", "ipc", 65536, 20000, True),
    Row("thr", "ipc", 1048576, 5000),
    Row("thr", "inproc", 16, 5000000, True),
    Row("thr", "inproc", 256, 3000000),
    Row("thr", "inproc", 1024, 2000000),
    Row("thr", "inproc", 65536, 500000),
    Row("thr", "inproc", 1048576, 500000),
    Row("fan_out", "tcp", 64, 60000, peers=50),
    Row("fan_out", "tcp", 64, 6000, peers=500),
    Row("fan_in", "tcp", 64, 3000000, peers=50),
    Row("requests", "tcp", 16, 400000, peers=50, what="DEALER, ROUTER"),
    Row("requests", "tcp", 16, 400000, peers=50, what="CLIENT, SERVER"),
    Row("connects", "tcp", 0, 2000),
    Row("thr", "curve", 64, 1500000),
    Row("thr", "curve", 1024, 400000, True, must={"": (1.8, 0)}),
    Row("thr", "curve", 65536, 10000),
    Row("thr", "tls", 1024, 400000),
    Row("connects", "curve", 0, 1000),
    Row("strangers", "curve", 0, 10000),
    Row("lat", "tcp", 64, 20000, True, must={"p50": (6, 1.3), "p99": (4, 0)}),
    Row("lat", "tcp", 65536, 5000, must={"p50": (2, 0)}),
    Row("lat", "ipc", 64, 20000, True, must={"p50": (6, 1.3)}),
    Row("lat", "ipc", 65536, 5000),
    Row("lat", "curve", 64, 20000, must={"p50": (4, 0)}),
    Row("lat", "tls", 64, 20000),
    Row("lat", "inproc", 64, 30000, True),
    Row("lat", "inproc", 65536, 20000),
    Row("trips", "tcp", 64, 500, what="req-rep", load="gap", interval=1000,
        must={"p50": (2.2, 0)}),
    Row("trips", "inproc", 64, 30000, what="pair", must={"": (10, 0)}),
    Row("trips", "tcp", 64, 10000, what="pub-sub", must={"p50": (5, 0)}),
    Row("trips", "tcp", 64, 10000, what="client-server"),
    Row("trips", "tcp", 64, 10000, what="stream"),
    Row("trips", "tcp", 64, 1500, peers=8, what="req-rep", must={"p50": (1, 0), "p99": (1, 0)}),
    Row("trips", "tcp", 64, 1000, what="req-rep", load="rate", interval=1000,
        must={"CPU a round trip": (1 / 1.5, 0)}),
    Row("trips", "tcp", 64, 1, what="req-rep", load="idle", interval=2000000,
        must={"CPU": (1 / 2, 0)}),
    Row("many", "tcp", 0, 10000),
    Row("polling", "inproc", 0, 500000, peers=1, what="poll"),
    Row("polling", "inproc", 0, 500000, peers=1, what="poller"),
    Row("polling", "inproc", 0, 5000, peers=100, what="poll"),
    Row("polling", "inproc", 0, 5000, peers=100, what="poller"),
    Row("polling", "inproc", 0, 500, peers=2000, what="poll"),
    Row("polling", "inproc", 0, 500, peers=2000, what="poller"),
    Row("monitored", "tcp", 16, 10000000, must={"": (0.97, 0)}),
]
# What a library without the draft interface has not.
DRAFT = ("CLIENT, SERVER", "client-server", "poller")

SIZES = ((0, 4000000), (1, 4000000), (16, 4000000), (33, 3000000), (34, 3000000), (64, 3000000),
         (256, 1500000), (1 << 10, 600000), (4 << 10, 200000), (16 << 10, 60000),
         (64 << 10, 20000), (256 << 10, 6000), (1 << 20, 5000))


def loop_counts():
    """1, 2, 4 ... and as many as there are cores."""
    cores = os.cpu_count() or 1
    return sorted({1 << i for i in range(cores.bit_length()) if 1 << i <= cores} | {cores})


# What each costs as the work grows. The loops have the work where connections are many and bodies
# large: neither application's thread touches a body.
GROWTH = (
    [Row("thr", "tcp", size, count) for size, count in SIZES] +
    [Row("fan_in", "tcp", 64, 2000000, peers=n) for n in (1, 10, 100, 1000, 10000)] +
    [Row("fan_in", "tcp", size, count, peers=32, loops=n)
     for size, count in ((4 << 10, 300000), (64 << 10, 30000)) for n in loop_counts()] +
    [Row("subscriptions", "tcp", 0, 10 ** n, what="random") for n in range(7)] +
    [Row("subscriptions", "tcp", 0, 10 ** 6, what=w)
     for w in ("sorted", "prefix", "chain", "exact")])

# A row's count is a property of the row: --scale leaves it alone.
FIXED = ("connects", "many", "strangers", "subscriptions")
# Programs that start their other side by themselves.
WHOLE = ("fan_out", "fan_in", "requests", "connects", "many", "strangers", "subscriptions",
         "polling")
# Of this library alone: the program itself compares. An even number of pairs: each is first as often.
ALONE = ("monitored",)
PAIRS = 2
# Rows of times, which have a table of their own.
LATENCY = ("lat", "trips")
# Rows that take long, and that memory is asked of: measured once.
ONCE = 1000000
# With fewer topics than this their memory is lost in that of everything else.
MEMORY_MIN = 10000

NAMES = {
    "thr": "{transport} throughput {size}",
    "lat": "{transport} latency {size}",
    "fan_out": "{transport} PUB to {peers} SUB, {size}",
    "fan_in": "{transport} {peers} PUSH to PULL, {size}",
    "requests": "{transport} {peers} {what}, {size}",
    "connects": "{transport} {count} connects",
    "many": "{count} idle",
    "strangers": "{count} strangers at a CURVE server",
    "subscriptions": "{count} topics, {what}",
    "req-rep": "{transport} latency {size}",
    "pair": "{transport} PAIR latency {size}",
    "pub-sub": "{transport} PUB, SUB latency {size}",
    "client-server": "{transport} CLIENT, SERVER latency {size}",
    "stream": "{transport} STREAM latency {size}",
    "polling": "zmq_{what}, {peers} socket{s}",
    "monitored": "{transport} throughput {size}, monitored and never read",
}
LOADS = {"full": "", "gap": " after {ms} ms", "rate": " at {rate}/s", "idle": ", idle for {ms} ms"}


class Contestant:
    """`bare`: plain sockets, which no library is ahead of; "spin", or "wait" for latency only."""

    def __init__(self, name, folder, env, bare=""):
        self.name, self.folder, self.env = name, os.path.abspath(folder), env
        self.bare = bare

    @functools.cached_property
    def is_ours(self):
        return not self.bare and hasattr(self.library, "zuring_version")

    @functools.cached_property
    def library(self):
        return ctypes.CDLL(os.path.join(self.folder, "libzmq.so.5"))

    @functools.cached_property
    def has_tls(self):
        return self.is_ours and self.library.zmq_has(b"tls") == 1

    @functools.cached_property
    def has_draft(self):
        return hasattr(self.library, "zmq_poller_new")

    def takes(self, row):
        if row.what in DRAFT and not self.has_draft:
            return False
        if row.kind in ALONE:
            return self.is_ours
        if row.transport == "tls":
            return self.has_tls
        if row.kind in LATENCY:  # more threads that spin than there are cores measure the kernel
            return not self.bare or row.transport != "curve" and (
                self.bare == "wait" or row.peers == 1 and row.load != "idle")
        return not self.bare or (self.bare == "spin" and row.transport in ("tcp", "ipc") and (
            row.kind == "thr" or row.what == "DEALER, ROUTER"))


class Trouble(Exception):
    """A run that hung or failed; the text says how."""


def note(text, end="\n"):
    sys.stderr.write(text + end)
    sys.stderr.flush()


# ------------------------------------------------------------------------------------- one run

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(args, who, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("ZURING_")}
    env.update(who.env, LD_LIBRARY_PATH=who.folder)
    return subprocess.Popen(args, env=env, stdin=subprocess.DEVNULL, start_new_session=True, **more)


def end(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def result_of(process, seconds, what):
    """What the process printed; killed when it takes longer."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        end(process)
        raise Trouble("%s hung" % what)
    if process.returncode:
        last = (err.decode(errors="replace").strip().split("\n") or [""])[-1]
        raise Trouble("%s ended with %d: %s" % (what, process.returncode, last))
    return json.loads(out) if out.strip() else {}


def run_pair(tools, who, local, remote, tail, seconds):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    tail = tail + ["--json"]
    a = start([os.path.join(tools, local)] + tail, who, **pipes)
    b = start([os.path.join(tools, remote)] + tail, who, **pipes)
    try:
        # The one that measures ends first or with the other; both have to end.
        first = result_of(a, seconds, local)
        second = result_of(b, seconds, remote)
        return first or second
    finally:
        end(a)
        end(b)


def run_whole(args, who, seconds):
    """A program that is all of it."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return result_of(start(args + ["--json"], who, **pipes), seconds, os.path.basename(args[0]))


def run_trips(tools, who, row, what, seconds):
    return run_whole([os.path.join(tools, "roundtrips"), what, row.transport, str(row.peers),
                      str(row.size), str(row.count), row.load, str(row.interval)], who, seconds)


def run_bare(tools, who, row, seconds):
    if row.kind in LATENCY:
        return run_trips(tools, who, row, who.bare, seconds)
    if row.kind == "requests":
        return run_whole([os.path.join(tools, "bare_requests"), row.transport, str(row.peers),
                          str(row.size), str(row.count)], who, seconds)
    return run_whole([os.path.join(tools, "bare"), "stream" if row.size >= 65536 else "pipeline",
                      row.transport, str(row.size), str(row.count)], who, seconds)


def run_row(tools, who, row, scratch, seconds):
    if who.bare:
        return run_bare(tools, who, row, seconds)
    if row.kind == "trips":
        return run_trips(tools, who, row, row.what, seconds)
    numbers = [str(row.size), str(row.count)]
    more = ["--threads", str(row.loops)] * bool(row.loops)
    more += ["--curve"] * (row.transport == "curve")
    numbers += more
    if row.kind in FIXED:
        return run_whole([os.path.join(tools, row.kind)] + [row.what] * bool(row.what) +
                         ["tcp://127.0.0.1:*", str(row.count)] + more, who, 120)
    if row.kind in ALONE:
        return run_whole([os.path.join(tools, row.kind)] + numbers + [str(PAIRS)], who, 120)
    if row.kind == "polling":
        return run_whole([os.path.join(tools, row.kind), row.what, str(row.peers), str(row.count)],
                         who, seconds)
    if row.kind in WHOLE:
        return run_whole([os.path.join(tools, row.kind)] + [row.what] * bool(row.what) +
                         ["tcp://127.0.0.1:*", str(row.peers)] + numbers, who, seconds)
    if row.transport == "inproc":
        return run_whole([os.path.join(tools, "inproc_" + row.kind)] + numbers, who, seconds)
    if row.transport in ("tcp", "curve", "tls"):
        endpoint = "%s://127.0.0.1:%d" % (row.transport.replace("curve", "tcp"), free_port())
    else:
        endpoint = "ipc://" + tempfile.mktemp(prefix="e", dir=scratch)
    return run_pair(tools, who, "local_" + row.kind, "remote_" + row.kind, [endpoint] + numbers,
                    seconds)


def attempt(tools, who, row, scratch, seconds, troubles):
    for _ in range(ATTEMPTS):
        try:
            got = run_row(tools, who, row, scratch, seconds)
            loaded = os.path.realpath(got.get("library", ""))
            if os.path.dirname(loaded) != os.path.realpath(who.folder):
                raise SystemExit("compare: %s loaded %s" % (who.name, loaded))
            return got
        except Trouble as t:
            troubles.append(str(t))
    return None


# ------------------------------------------------------------------------------------- figures

def figures(row, got):
    """name: (value, unit, whether more is better)"""
    if row.load == "idle":
        return {"CPU": (got["cpu_seconds"] * 1000, "ms", False)}
    if row.load == "rate":
        return {"CPU a round trip": (got["cpu_seconds"] / got["count"] * 1e6, "us", False)}
    if row.kind in LATENCY:
        return {"": (got["mean_us"], "us", False), "p50": (got["p50_us"], "us", False),
                "p99": (got["p99_us"], "us", False)}
    if row.kind == "connects" and row.transport == "curve":
        return {"handshakes": (got["connections"] / got["seconds"], "a second", True)}
    if row.kind == "connects":
        return {"": (got["seconds"] * 1000, "ms", False)}
    if row.kind == "strangers":
        return {
            "server memory": (got["bytes"], "bytes", False),
            "a client's round trip": (got["crowded_us"], "us", False),
            "a client's p99": (got["crowded_worst_us"], "us", False),
        }
    if row.kind == "polling":
        return {"": (got["ns"] / 1000, "us", False)}
    if row.kind == "monitored":
        return {"": (got["times"], "times", True)}
    if row.kind == "many":
        return {
            "server memory": (got["server_bytes"], "B", False),
            "client memory": (got["client_bytes"], "B", False),
            "time a connection": (got["seconds"] / got["connections"] * 1e6, "us", False),
        }
    if row.kind == "subscriptions":
        found = {
            "subscribe": (got["subscribe_ns"] / 1000, "us", False),
            "a message that matches": (got["matched_ns"] / 1000, "us", False),
            "a message that nobody wants": (got["filtered_ns"] / 1000, "us", False),
            "unsubscribe": (got["unsubscribe_ns"] / 1000, "us", False),
        }
        if row.count >= MEMORY_MIN:
            found["publisher memory"] = (got["publisher_bytes"], "bytes", False)
            found["subscriber memory"] = (got["subscriber_bytes"], "bytes", False)
        return found
    return {"": (got["messages_per_second"], "msg/s", True)}


def size_text(size):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return "%d %s" % (size // unit, name)
    return "%d B" % size


def row_text(row, figure):
    fields = dict(row._asdict(), size=size_text(row.size), s="s" * (row.peers > 1))
    name = NAMES[row.what if row.kind == "trips" else row.kind].format(**fields)
    name += LOADS[row.load].format(**fields, ms=row.interval // 1000, rate=1000000 // (row.interval or 1))
    if row.kind == "trips" and row.peers > 1:
        name += ", %d pairs at once" % row.peers
    if row.loops:
        name += ", %d loop%s" % (row.loops, "s" * (row.loops > 1))
    between = {"subscriptions": ": ", "strangers": ": ", "many": ", "}.get(row.kind, " ")
    if row.kind == "trips" and (row.load != "full" or row.peers > 1):
        between = ", " if row.load in ("full", "gap") else ": "
    return name + between + figure if figure else name


def point_of(row, figure):
    """Where a row of GROWTH is in the curves: of which chart, and at what place."""
    if row.kind == "thr":
        return "tcp throughput by message size, bytes", row.size
    if row.loops:
        return "32 PUSH to PULL, %s, by loops" % size_text(row.size), row.loops
    if row.kind == "fan_in":
        return "PUSH to PULL, 64 B, by connections", row.peers
    return "%s, by topics (%s)" % (figure, row.what), row.count


def value_text(value, unit):
    if unit == "msg/s":
        return "%.2f M/s" % (value / 1e6) if value >= 1e6 else "%.1f k/s" % (value / 1e3)
    if unit == "times":
        return "%.3f" % value
    if unit == "B":
        return "%.1f KiB" % (value / 1024)
    if unit == "bytes":
        return "%.0f B" % value
    return "%.*f %s" % (3 if value < 0.1 else 2 if value < 9.95 else 1, value, unit)


def spread(values):
    m = statistics.median(values)
    return 100 * (max(values) - min(values)) / m if m else 0.0


def summarize(row, contestants, samples, troubles):
    """One entry for each figure of the row."""
    entries = []
    names = {"": ("", True, {})} if not any(samples.values()) else {}
    for who in contestants:
        for got in samples[who.name]:
            for figure, (value, unit, more) in figures(row, got).items():
                names.setdefault(figure, (unit, more, {}))[2].setdefault(
                    who.name, []).append(value)
    for figure, (unit, more, values) in names.items():
        entry = {"row": row_text(row, figure), "unit": unit, "more_is_better": more,
                 "median": {n: statistics.median(v) for n, v in values.items()},
                 "spread_percent": {n: round(spread(v), 1) for n, v in values.items()},
                 "takers": [w.name for w in contestants], "samples": values,
                 "trouble": {n: t for n, t in troubles.items() if t},
                 "ratio": {}, "point": point_of(row, figure),
                 "is_latency": row.kind in LATENCY, "must": row.must.get(figure)}
        base = entry["median"].get("libzmq")
        for n, v in entry["median"].items():
            if base and v and n != "libzmq":
                entry["ratio"][n] = round(v / base if more else base / v, 3)
        entries.append(entry)
    return entries


# ------------------------------------------------------------------------------------- the table

def must_text(must):
    if not must:
        return ""
    return "%.3g" % must[0] + (", or %g bare" % must[1] if must[1] else "")


def reached(entry):
    """"", or whether zuring reaches what the row is to reach."""
    times, bare = entry["must"] or (0, 0)
    ours, limit = entry["median"].get("zuring"), entry["median"].get("bare sockets", 0)
    ratio = entry["ratio"].get("zuring", 0)
    if times and ours and entry["unit"] == "times":
        return "yes" if ours >= times else "no"
    if not times or ours is None or "libzmq" not in entry["median"]:
        return ""
    # An idle pair may use nothing at all, and nothing is how many times better than anything.
    return "yes" if not ours or ratio >= times or ours <= bare * limit else "no"


def behind(entries):
    """The rows that libzmq is better at; one bad moment of a run is no reason to be among them."""
    return [e["row"] for e in entries
            if e["ratio"].get("zuring", 1) < 1 and not e["row"].endswith(" p99")]


def cells(entry, contestants, musts):
    out = [entry["row"]]
    for who in contestants:
        if who.name in entry["median"]:
            out.append("%s ±%.0f%%" % (value_text(entry["median"][who.name], entry["unit"]),
                                       entry["spread_percent"][who.name] / 2))
        else:
            out.append("no result" if who.name in entry["takers"] else "-")
    for who in contestants:
        if who.name != "libzmq":
            ratio = entry["ratio"].get(who.name)
            if not who.bare:
                out.append("%.2f" % ratio if ratio else "-")
    if musts:
        out += [must_text(entry["must"]), reached(entry)]
    hung = ", ".join("%s %d" % (n, len(t)) for n, t in entry["trouble"].items())
    out.append("hung or failed: " + hung if hung else "")
    return out


def table_of(entries, contestants, musts):
    """Its first row is the header. A contestant that has no figure has no column."""
    those = [w for w in contestants if not w.bare or any(w.name in e["median"] for e in entries)]
    ours = [w.name for w in those if w.name != "libzmq" and not w.bare]
    musts = musts and any(e["must"] for e in entries)
    rows = [["what"] + [w.name for w in those] + ["times " + n for n in ours] +
            ["must reach", "reached"] * musts + [""]]
    rows += [cells(e, those, musts) for e in entries]
    return rows if any(r[-1] for r in rows) else [r[:-1] for r in rows]


def plain_table(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                               for i, (c, w) in enumerate(zip(r, widths))).rstrip()
                     for r in rows)


def markdown(rows):
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows[1:]])


# ------------------------------------------------------------------------------------- all of it

def row_for(row, who, scale):
    # libzmq needs a second descriptor for each of its sockets.
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if who.name == "libzmq" and limit != resource.RLIM_INFINITY:
        most = (limit - 300) // 2
        if row.kind == "many":
            return row._replace(count=min(row.count, most))
        row = row._replace(peers=min(row.peers, most))
    if row.kind in FIXED or row.load == "idle":
        return row
    return row._replace(count=max(fewest(row), int(row.count * scale)))


def fewest(row):
    # The two pipes hold 2,000 messages. Large ones that all fit in there are no stream: what would be measured is how
    # fast the kernel finds fresh pages for them.
    streams = row.kind == "thr" and row.transport in ("tcp", "ipc") and row.size >= 65536
    return 5000 if streams else 200


def measure(args, contestants, rows, scratch):
    entries = []
    for i, row in enumerate(rows):
        those = [w for w in contestants if w.takes(row)]
        samples = {w.name: [] for w in those}
        troubles = {w.name: [] for w in those}
        begin = time.monotonic()
        note("[%2d/%d] %-28s " % (i + 1, len(rows), row_text(row, "")), end="")
        once = row.kind in ("many", "strangers") or row.kind == "subscriptions" and row.count >= ONCE
        for turn in range(1 if once else args.rounds):
            k = turn % len(those)
            for who in those[k:] + those[:k]:
                got = attempt(args.programs, who, row_for(row, who, args.scale), scratch,
                              args.timeout, troubles[who.name])
                if got:
                    samples[who.name].append(got)
                note("." if got else "x", end="")
        found = summarize(row, those, samples, troubles)
        entries += found
        best = found[0]["ratio"].get("zuring") if found else None
        note("  %s  %.0f s" % ("x%.2f" % best if best else "-", time.monotonic() - begin))
        for name, said in troubles.items():
            for t in sorted(set(said)):
                note("        %s: %s (%d times)" % (name, t, said.count(t)))
    return entries


def arguments():
    p = argparse.ArgumentParser(description="The same programs with two libraries, in turn.")
    p.add_argument("--programs", required=True, help="folder of the measuring programs")
    p.add_argument("--ours", required=True, help="folder of zuring's libzmq.so.5")
    p.add_argument("--theirs", required=True, help="folder of libzmq's libzmq.so.5")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--scale", type=float, default=1.0, help="messages, times this")
    p.add_argument("--timeout", type=float, default=20.0, help="seconds for a run")
    p.add_argument("--short", action="store_true", help="only the rows of the short table")
    p.add_argument("--latency", action="store_true", help="only the rows of latency")
    p.add_argument("--only", default="", help="only rows whose text contains this")
    p.add_argument("--without-readiness", action="store_true")
    p.add_argument("--bare", action="store_true", help="also what plain sockets carry")
    p.add_argument("--growth", action="store_true", help="other rows: the cost as the work grows")
    p.add_argument("--html", metavar="FILE", help="with --growth: the curves")
    p.add_argument("--json", metavar="FILE")
    p.add_argument("--md", metavar="FILE")
    return p.parse_args()


def main():
    args = arguments()
    contestants = [Contestant("zuring", args.ours, {}),
                   Contestant("readiness", args.ours, {"ZURING_BACKEND": "readiness"}),
                   Contestant("libzmq", args.theirs, {})]
    if args.without_readiness:
        del contestants[1]
    if args.bare:
        contestants.append(Contestant("bare sockets", args.ours, {}, "spin"))
        contestants.append(Contestant("bare, waiting", args.ours, {}, "wait"))
    rows = [r for r in (GROWTH if args.growth else ROWS)
            if (args.growth or r.short or not args.short) and args.only in row_text(r, "") and
            (r.kind in LATENCY or not args.latency)]
    if not rows:
        raise SystemExit("compare: no row has such a name")
    scratch = tempfile.mkdtemp(prefix="compare-")
    try:
        entries = measure(args, contestants, rows, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    shown = [e for e in entries if not args.short or not e["row"].endswith((" p50", " p99"))]
    parts = [[e for e in shown if e["is_latency"] == later] for later in (False, True)]
    tables = [table_of(part, contestants, not args.short) for part in parts if part]
    print("\n\n".join(plain_table(t) for t in tables))
    print("behind libzmq: " + ("; ".join(behind(shown)) or "no row"))
    missing = sorted({e["row"] for e in entries for w in contestants
                      if w.name in e["takers"] and w.name not in e["median"]})
    drawn = curves.page(entries, [w.name for w in contestants]) if args.html and args.growth else ""
    for path, text in ((args.html if drawn else None, drawn), (args.json, json.dumps({"rounds": args.rounds, "cores": os.cpu_count(),
                                               "rows": entries}, indent=1)),
                       (args.md, "\n\n".join(markdown(t) for t in tables))):
        if path:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            with open(path, "w") as f:
                f.write(text + "\n")
    return 1 if missing or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
