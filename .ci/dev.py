#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of ./dev. Standard library only: this runs on a fresh Debian 12.

Builds, each in a folder of its own so that none disturbs another:

    build          release, the library that is measured, shown and held against libzmq's tests
    build-debug    stops at our own mistakes; the tests
    build-asan     the tests under the address and undefined-behaviour sanitizers
    build-tsan     the tests made for the thread sanitizer
    build-fuzz     the fuzzers (clang)
"""

import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(ROOT, "build", "logs")
DROPIN = os.path.join(ROOT, "build", "dropin")
JOBS = str(os.cpu_count() or 2)

TOOLS = ["gcc", "libc6-dev", "meson", "ninja-build", "pkg-config", "liburing-dev", "libsodium-dev",
         "libkrb5-dev", "libssl-dev"]
TESTS = TOOLS + ["g++", "binutils", "libcriterion-dev", "python3-zmq", "libzmq3-dev", "libzmq5",
                 "prometheus", "openssl", "libpgm-dev", "libnorm-dev"]
KDC = ["krb5-kdc", "krb5-admin-server"]
TESTS += KDC
SUITE = ["g++", "binutils", "dpkg-dev"] + KDC
COUNTS = ["valgrind", "libc6-dbg"]
FUZZ = TOOLS + ["clang", "libclang-rt-dev"]
JSZMQ = "jszmq@0.1.2"
BENCH = TOOLS + ["libzmq5", "libzmq3-dev", "g++", "libbenchmark-dev"]

OPTIONS = {
    "build": ["--buildtype=release", "-Dtests=false", "-Db_lto=true"],
    "build-debug": ["--buildtype=debug", "-Dbench=false", "-Dpgm=auto", "-Dnorm=auto"],
    "build-asan": ["--buildtype=debug", "-Dbench=false", "-Dpgm=auto", "-Dnorm=auto",
                   "-Db_sanitize=address,undefined",
                   "-Dc_args=-fno-sanitize-recover=all -fno-omit-frame-pointer"],
    "build-tsan": ["--buildtype=debugoptimized", "-Dbench=false", "-Db_sanitize=thread"],
    "build-fuzz": ["--buildtype=debugoptimized", "-Dfuzz=true", "-Dtests=false", "-Dbench=false",
                   "-Db_sanitize=address,undefined", "-Db_lundef=false",
                   "-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=all"],
}


class Stop(Exception):
    """The command cannot go on; the text says why."""


def say(text=""):
    print(text, flush=True)


def heading(text):
    say("\n\033[1m== %s\033[0m" % text if sys.stdout.isatty() else "\n== %s" % text)


# ---------------------------------------------------------------------------- what is needed

def installed(package):
    got = subprocess.run(["dpkg-query", "-W", "-f=${Status}", package], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
    return got.stdout.startswith("install ok")


def need(packages):
    """Installs what is not there. Where there is no dpkg the user is told what is wanted."""
    if not shutil.which("dpkg-query") or not shutil.which("apt-get"):
        say("not a Debian: taking for granted what is called here " + " ".join(packages))
        return
    missing = [p for p in dict.fromkeys(packages) if not installed(p)]
    if not missing:
        return
    # Another may be installing just now, and a mirror may be busy.
    patient = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=900", "-o", "Acquire::Retries=5"]
    apt = patient + ["-y", "--no-install-recommends", "install"] + missing
    prefix = [] if os.geteuid() == 0 else ["sudo"]
    if prefix and not shutil.which("sudo"):
        raise Stop("not root and no sudo; install as root: apt-get install " + " ".join(missing))
    say("installing: " + " ".join(missing))
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if prefix:
        prefix += ["env", "DEBIAN_FRONTEND=noninteractive"]
    if subprocess.run(prefix + apt, env=env, stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL).returncode == 0:
        return
    for pause in (0, 5, 30):
        time.sleep(pause)
        subprocess.run(prefix + patient + ["update"], env=env)
        if subprocess.run(prefix + apt, env=env).returncode == 0:
            return
    raise Stop("apt-get could not install: " + " ".join(missing))


def want_web():
    """Peers from the web's side. What cannot be had is done without: its tests say that they were skipped."""
    programs = {"node": "nodejs", "npm": "npm", "chromium": "chromium"}
    folder = os.path.join(ROOT, "build", "npm")
    try:
        need([package for program, package in programs.items() if not shutil.which(program)])
    except Stop as e:
        say(str(e))
    if not shutil.which("npm") or os.path.exists(os.path.join(folder, "node_modules", "jszmq")):
        return
    os.makedirs(folder, exist_ok=True)
    if run("npm", ["npm", "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund",
                   JSZMQ], 180, show=False):
        say("npm could not install %s: build/logs/npm.log" % JSZMQ)


def need_localhost():
    """The tests use the name, and a bare root has no /etc/hosts."""
    try:
        socket.getaddrinfo("localhost", None, socket.AF_INET)
    except OSError:
        need(["libnss-myhostname"])


def distribution_libzmq():
    for folder in glob.glob("/usr/lib/*-linux-gnu") + ["/usr/lib64", "/usr/lib"]:
        if os.path.exists(os.path.join(folder, "libzmq.so.5")):
            return folder
    raise Stop("the distribution's libzmq.so.5 is not there")


# ---------------------------------------------------------------------------- running things

def log_path(name):
    os.makedirs(LOGS, exist_ok=True)
    return os.path.join(LOGS, name + ".log")


def tail(path, lines=40):
    if not os.path.exists(path):
        return ""
    with open(path, errors="replace") as f:
        return "".join(f.readlines()[-lines:])


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


class Late(Exception):
    """It took longer than it may."""


def run(name, argv, seconds, show=True, env=None, cwd=ROOT):
    """Runs argv, its output to the log `name` and, if `show`, to the terminal. The status; -1 when
    it took longer than `seconds` and was ended. The times that callers allow are for a machine that
    is several times slower than ours: they end what hangs."""
    more = dict(os.environ, PYTHONUNBUFFERED="1", **(env or {}))
    path = log_path(name)
    with open(path, "wb") as log:
        log.write(("$ " + " ".join(argv) + "\n").encode())
        log.flush()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, cwd=cwd, env=more,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=True)

        def alarm(*_):
            raise Late

        before = signal.signal(signal.SIGALRM, alarm)
        signal.alarm(int(seconds))
        try:
            for line in process.stdout:
                log.write(line)
                log.flush()
                if show:
                    sys.stdout.write(line.decode(errors="replace"))
                    sys.stdout.flush()
            process.wait()
        except Late:
            log.write(("\n-- ended: it took longer than %d s --\n" % seconds).encode())
            return -1
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
            kill_group(process)
            process.wait()
    return process.returncode


def build(folder, targets=()):
    """Configures and compiles; raises Stop with the end of the log when that fails."""
    path = os.path.join(ROOT, folder)
    env = {"CC": "clang"} if folder == "build-fuzz" else {}
    begin = time.monotonic()
    say("building %s ..." % folder)
    # What it was configured with; another's build of the same name is configured again.
    mark, wanted = os.path.join(path, "dev-options"), "\n".join(OPTIONS[folder])
    ready = os.path.exists(os.path.join(path, "build.ninja"))
    if not ready or not os.path.exists(mark) or open(mark).read() != wanted:
        argv = ["meson", "setup"] + (["--reconfigure"] if ready else []) + [path, ROOT] + OPTIONS[folder]
        if run("setup-" + folder, argv, 1800, show=False, env=env):
            raise Stop("meson setup of %s failed:\n%s" % (folder, tail(log_path("setup-" + folder))))
        with open(mark, "w") as f:
            f.write(wanted)
    if run("compile-" + folder, ["ninja", "-C", path, "-j", JOBS] + list(targets), 7200,
           show=False):
        raise Stop("%s does not build:\n%s" % (folder, tail(log_path("compile-" + folder))))
    say("built %s in %.0f s" % (folder, time.monotonic() - begin))


# ---------------------------------------------------------------------------- the tests

class Tally:
    """What passed, failed and was skipped, over all parts of ./dev test."""

    def __init__(self):
        self.passed, self.failed, self.skipped, self.parts = 0, [], [], []

    def part(self, name):
        self.parts.append([name, 0, 0, 0, time.monotonic()])
        heading(name)

    def add(self, name, verdict, why="", output=""):
        part = self.parts[-1]
        full = "%s: %s" % (part[0], name)
        if verdict == "pass":
            self.passed += 1
            part[1] += 1
        elif verdict == "skip":
            self.skipped.append((full, why or "no reason given"))
            part[3] += 1
        else:
            self.failed.append((full, why, output))
            part[2] += 1

    def end_part(self):
        part = self.parts[-1]
        part[4] = time.monotonic() - part[4]
        say("%s: %d passed, %d failed, %d skipped, %.0f s" % tuple(part))

    def report(self):
        heading("summary")
        for name, why, output in self.failed:
            say("FAILED %s%s" % (name, ": " + why if why else ""))
            for line in output.rstrip().split("\n")[-25:] if output.strip() else []:
                say("    | " + line)
        for name, why in self.skipped:
            say("skipped %s: %s" % (name, why))
        say()
        for part in self.parts:
            say("%-28s %4d passed %4d failed %4d skipped %6.0f s" % tuple(part))
        say("logs: build/logs")
        say("%d passed, %d failed, %d skipped" % (self.passed, len(self.failed), len(self.skipped)))
        return 1 if self.failed or not self.passed else 0


def leaks(output):
    """What of ours a sanitizer saw leaking. Criterion does not make a failure of a leak in one of its
    workers, and it leaks a little by itself; so each report is read, and counts when the library's
    code is in its stack."""
    found = []
    for block in re.split(r"\n\s*\n", output):
        if re.match(r"\s*(Direct|Indirect) leak of", block):
            ours = re.search(r"#\d+ .*\.\./(engine|patterns|transports|monitor)/.*", block)
            if ours:
                found.append(block.strip().split("\n")[0] + " " + ours.group(0).strip())
    return found


def read_testlog(path, tally):
    """A line of JSON for each program that meson ran."""
    with open(path, errors="replace") as f:
        tests = [json.loads(line) for line in f if line.strip()]
    for t in tests:
        name = t["name"].split(" / ")[-1]
        output = (t.get("stdout") or "") + (t.get("stderr") or "")
        last = (output.strip().split("\n") or [""])[-1]
        lost = leaks(output)
        if lost:
            tally.add(name, "fail", "leaks", "\n".join(lost))
        elif t["result"] in ("OK", "EXPECTEDFAIL"):
            tally.add(name, "pass")
        elif t["result"] == "SKIP":
            tally.add(name, "skip", last)
        else:
            tally.add(name, "fail", "%s after %.1f s" % (t["result"].lower(), t["duration"]), output)
    return len(tests)


def unrandomized():
    """The thread sanitizer of gcc 12 needs addresses where it expects them."""
    argv = ["setarch", "--addr-no-randomize"]
    if shutil.which("setarch") and subprocess.run(argv + ["true"],
                                                  stderr=subprocess.DEVNULL).returncode == 0:
        return argv
    return []


def meson_part(tally, title, folder, factor, more=(), prefix=()):
    tally.part(title)
    try:
        build(folder)
        path = os.path.join(ROOT, folder)
        testlog = os.path.join(path, "meson-logs", "testlog.json")
        if os.path.exists(testlog):
            os.unlink(testlog)
        status = run("test-" + folder, list(prefix) + ["meson", "test", "-C", path, "--no-rebuild",
                     "-t", str(factor), "--num-processes", JOBS] + list(more), 7200)
        if os.path.exists(testlog):
            shutil.copy(os.path.join(path, "meson-logs", "testlog.txt"),
                        os.path.join(LOGS, "tests-of-%s.log" % folder))
        count = read_testlog(testlog, tally) if os.path.exists(testlog) else 0
        if status < 0:
            tally.add("all of them", "fail", "took too long", tail(log_path("test-" + folder)))
        elif count == 0:
            tally.add("all of them", "fail", "no test ran", tail(log_path("test-" + folder)))
    except Stop as e:
        tally.add("build", "fail", str(e).split("\n")[0], str(e))
    tally.end_part()


def fuzz_targets():
    return sorted(os.path.basename(p)[5:] for p in glob.glob(ROOT + "/build-fuzz/tests/fuzz_*")
                  if os.access(p, os.X_OK) and os.path.isfile(p))


def fuzz_one(target, seconds):
    """The status, and the log's name. New inputs go to build-fuzz/found, which later runs read."""
    found = os.path.join(ROOT, "build-fuzz", "found", target)
    crash = os.path.join(ROOT, "build-fuzz", "crash")
    os.makedirs(found, exist_ok=True)
    os.makedirs(crash, exist_ok=True)
    argv = [ROOT + "/build-fuzz/tests/fuzz_" + target, "-max_total_time=%d" % seconds,
            "-max_len=4096", "-print_final_stats=1", "-verbosity=0",
            "-artifact_prefix=%s/%s." % (crash, target), found,
            os.path.join(ROOT, "tests/fuzz/corpus", target)]
    return run("fuzz-" + target, argv, seconds + 900, show=False), "fuzz-" + target


def fuzz_part(tally, seconds):
    tally.part("fuzz, %d s each" % seconds)
    try:
        build("build-fuzz")
        for target in fuzz_targets():
            status, log = fuzz_one(target, seconds)
            runs = re.findall(r"number_of_executed_units: (\d+)", tail(log_path(log)))
            say("%s: %s inputs, status %d" % (target, runs[-1] if runs else "?", status))
            tally.add(target, "fail" if status else "pass", "status %d" % status,
                      tail(log_path(log)))
        if not fuzz_targets():
            tally.add("targets", "fail", "there is none")
    except Stop as e:
        tally.add("build", "fail", str(e).split("\n")[0], str(e))
    tally.end_part()


def in_a_realm():
    """What runs a command beside a KDC; where there is none to be had, the command alone."""
    there = shutil.which("krb5kdc", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return [sys.executable, os.path.join(ROOT, "tests/support/kdc.py")] if there else []


def conformance(backend, report, more):
    argv = in_a_realm() + [sys.executable, os.path.join(ROOT, "tests/conformance/conformance.py"), "--lib", DROPIN,
            "--include", os.path.join(ROOT, "include"), "--report", report, "--", "--require", "ipc",
            "--run-jobs", "2", "--attempts", "3", "--timeout", "120"] + list(more)
    return run("conformance-" + backend, argv, 5400, env={"ZURING_BACKEND": backend})


def conformance_part(tally, backend, more):
    tally.part("libzmq's tests, " + backend)
    report = os.path.join(LOGS, "conformance-%s.tsv" % backend)
    if os.path.exists(report):
        os.unlink(report)
    status = conformance(backend, report, more)
    if not os.path.exists(report):
        tally.add("all of them", "fail", "status %d" % status,
                  tail(log_path("conformance-" + backend)))
    else:
        with open(report) as f:
            for line in f:
                name, verdict, why = line.rstrip("\n").split("\t")
                kind = {"PASS": "pass", "FAIL": "fail"}.get(verdict, "skip")
                tally.add(name, kind, "may not pass yet: " + why if verdict == "EXCUSED" else why)
    tally.end_part()


def counts(more):
    return run("counts", [sys.executable, os.path.join(ROOT, "tests/counts/counts.py"), "--program",
                          os.path.join(ROOT, "build/tests/counts/counts")] + more, 1800)


def counts_part(tally):
    tally.part("instructions a message")
    report = os.path.join(LOGS, "counts.tsv")
    if os.path.exists(report):
        os.unlink(report)
    status = counts(["--tsv", report])
    if os.path.exists(report):
        with open(report) as f:
            for line in f:
                name, verdict, why = line.rstrip("\n").split("\t")
                tally.add(name, verdict.lower(), why)
    else:
        tally.add("all of them", "fail", "status %d" % status, tail(log_path("counts")))
    tally.end_part()


def soak_runs(tally, runs):
    """nothing_lost, of the release build: every combination of boundary and transport."""
    for backend in ("io_uring", "readiness"):
        for transport in ("tcp", "ipc"):
            for shape in ("push", "dealer"):
                name = "nothing_lost-%s-%s-%s" % (backend, transport, shape)
                say("%s, %d runs of a million messages:" % (name, runs))
                status = run(name, [ROOT + "/build/tests/soak/nothing_lost", "--runs", str(runs),
                                    "--transport", transport, "--shape", shape], runs * 600,
                             env={"ZURING_BACKEND": backend, "LD_LIBRARY_PATH": DROPIN})
                tally.add(name, "fail" if status else "pass", "status %d" % status,
                          tail(log_path(name)))


def soak_accounts(tally, messages):
    """accounts: what is counted as sent, received and dropped, of every type over every transport."""
    for backend in ("io_uring", "readiness"):
        for transport in ("tcp", "ipc", "inproc", "udp"):
            name = "accounts-%s-%s" % (backend, transport)
            say("%s, %d messages of every type:" % (name, messages))
            status = run(name, [ROOT + "/build/tests/soak/accounts", "--messages", str(messages),
                                "--transport", transport], 600 + messages // 100,
                         env={"ZURING_BACKEND": backend, "LD_LIBRARY_PATH": DROPIN})
            tally.add(name, "fail" if status else "pass", "status %d" % status,
                      tail(log_path(name)))


def soak_mixed(tally, seconds):
    """mixed, of the release build, for that long in all."""
    each = max(seconds // 12, 1)
    for backend in ("io_uring", "readiness"):
        for transport in ("tcp", "ipc", "ws"):
            for mechanism in ("null", "curve"):
                name = "mixed-%s-%s-%s" % (backend, transport, mechanism)
                say("%s, %d seconds:" % (name, each))
                status = run(name, [ROOT + "/build/tests/soak/mixed", "--seconds", str(each),
                                    "--transport", transport, "--mechanism", mechanism],
                             each + 600, env={"ZURING_BACKEND": backend,
                                              "LD_LIBRARY_PATH": DROPIN})
                tally.add(name, "fail" if status else "pass", "status %d" % status,
                          tail(log_path(name)))


def soak_part(tally, runs, seconds):
    tally.part("nothing is lost")
    soak_runs(tally, runs)
    soak_accounts(tally, 10000 * runs)
    soak_mixed(tally, seconds)
    tally.end_part()


def leases_part(tally, leases):
    """What callers take of the loops' work and give back, under the thread sanitizer."""
    tally.part("leases")
    try:
        build("build-tsan")
        for backend in ("io_uring", "readiness"):
            for transport in ("tcp", "ipc"):
                name = "leases-%s-%s" % (backend, transport)
                say("%s, %d leases:" % (name, leases))
                status = run(name, unrandomized() + [ROOT + "/build-tsan/tests/soak/leases", "--leases",
                                                     str(leases), "--transport", transport],
                             600 + leases // 100, env={"ZURING_BACKEND": backend,
                                                       "TSAN_OPTIONS": "halt_on_error=1"})
                tally.add(name, "fail" if status else "pass", "status %d" % status,
                          tail(log_path(name)))
    except Stop as e:
        tally.add("build", "fail", str(e).split("\n")[0], str(e))
    tally.end_part()


def interleave_part(tally, stops):
    """Every order in which threads can meet, deeper than the tests go."""
    tally.part("interleaved")
    try:
        build("build-debug")
        status = run("handover", [ROOT + "/build-debug/tests/interleave/handover", "--stops",
                                  str(stops)], 4 * 3600)
        tally.add("handover", "fail" if status else "pass", "status %d" % status,
                  tail(log_path("handover")))
    except Stop as e:
        tally.add("build", "fail", str(e).split("\n")[0], str(e))
    tally.end_part()


def format_files():
    found = []
    for top in ("engine", "patterns", "transports", "monitor", "include", "tools", "bench", "tests",
                "examples"):
        for here, _, names in os.walk(os.path.join(ROOT, top)):
            found += [os.path.join(here, n) for n in names if n.endswith((".c", ".h", ".cc"))]
    return sorted(found)


def format_part(tally):
    tally.part("format")
    status = run("format", ["clang-format", "--dry-run", "-Werror"] + format_files(), 600,
                 show=False)
    tally.add("clang-format", "fail" if status else "pass", "./dev format mends it",
              "\n".join(l for l in tail(log_path("format"), 400).split("\n") if "error:" in l))
    tally.end_part()


# ---------------------------------------------------------------------------- the commands

def cmd_build(args):
    """build                 the release build: build/dropin/libzmq.so.5, build/libzuring.so.0"""
    need(BENCH)
    build("build")
    say("the drop-in is build/dropin/libzmq.so.5; the tool is build/tools/zuring")


def cmd_test(args):
    """test                  everything; ends with 'N passed, N failed, N skipped'"""
    need(TESTS + SUITE + FUZZ + BENCH + COUNTS + ["clang-format"])
    need_localhost()
    want_web()
    begin, tally = time.monotonic(), Tally()
    meson_part(tally, "debug build", "build-debug", 1)
    meson_part(tally, "address and undefined", "build-asan", 3)
    meson_part(tally, "thread", "build-tsan", 4, prefix=unrandomized())
    fuzz_part(tally, 10)
    format_part(tally)
    tally.part("release build")
    try:
        build("build")
        tally.add("build", "pass")
        tally.end_part()
        conformance_part(tally, "io_uring", ["--fuzz", "4"])
        conformance_part(tally, "readiness", [])
        counts_part(tally)
        soak_part(tally, 3, 16)
    except Stop as e:
        tally.add("build", "fail", str(e).split("\n")[0], str(e))
        tally.end_part()
    say("\n%.1f minutes" % ((time.monotonic() - begin) / 60))
    return tally.report()


def cmd_conformance(args):
    """conformance [...]     libzmq's own test programs; arguments go to libzmq-suite (--help)"""
    need(BENCH + SUITE)
    build("build")
    backend = os.environ.get("ZURING_BACKEND") or "io_uring"
    return conformance(backend, os.path.join(LOGS, "conformance.tsv"), args or ["--fuzz", "8"])


def cmd_counts(args):
    """counts [--record]     the instructions a message costs, beside the record"""
    need(BENCH + COUNTS)
    build("build")
    return counts(args)


def cmd_format(args):
    """format [--check]      clang-format over all sources"""
    need(["clang-format"])
    how = ["--dry-run", "-Werror"] if "--check" in args else ["-i"]
    return run("format", ["clang-format"] + how + format_files(), 300)


def cmd_soak(args):
    """soak [RUNS [SECONDS]] nothing_lost RUNS (100) times a combination, accounts of RUNS times 10,000
                        messages of each type, as many leases under the thread sanitizer; mixed
                        for SECONDS (600), each fuzzer as long"""
    need(TESTS + BENCH + FUZZ)
    tally = Tally()
    build("build")
    interleave_part(tally, 3)
    seconds = int(args[1]) if len(args) > 1 else 600
    runs = int(args[0]) if args else 100
    leases_part(tally, 10000 * runs)
    soak_part(tally, runs, seconds)
    fuzz_part(tally, seconds)
    return tally.report()


def cmd_fuzz(args):
    """fuzz [TARGET [SECS]]  one fuzzer, or all; 60 seconds each"""
    need(FUZZ)
    build("build-fuzz")
    targets = args[:1] or fuzz_targets()
    failed = 0
    for target in targets:
        if target not in fuzz_targets():
            raise Stop("no target %s; there are: %s" % (target, " ".join(fuzz_targets())))
        status, log = fuzz_one(target, int(args[1]) if len(args) > 1 else 60)
        say(tail(log_path(log)))
        failed += status != 0
    return failed


def cmd_bench(args):
    """bench [...]           every figure beside libzmq's; --rounds N, --only TEXT, --scale F; --latency; --growth"""
    need(BENCH)
    build("build")
    more = [a for a in args if a != "--against-libzmq"]  # it always is
    name = "growth" if "--growth" in more else "results"
    at = os.path.join(ROOT, "build/bench", name)
    more += ["--html", at + ".html"] if name == "growth" else []
    status = compare(more + ["--bare", "--json", at + ".json", "--md", at + ".md"], 7200)
    say("written: build/bench/%s.json and .md%s" % (name, " and .html" if name == "growth" else ""))
    return status


def compare(more, seconds):
    argv = [sys.executable, os.path.join(ROOT, "bench/compare.py"), "--programs",
            os.path.join(ROOT, "build/bench"), "--ours", DROPIN, "--theirs", distribution_libzmq()]
    return run("bench", argv + more, seconds)


def cmd_run(args):
    """run                   unmodified programs over zuring, and a short table beside libzmq"""
    need(BENCH + ["python3-zmq"])
    build("build")
    say()
    status = run("demo", [sys.executable, os.path.join(ROOT, "examples/demo.py"), "--build",
                          os.path.join(ROOT, "build")], 300)
    heading("zuring beside the distribution's libzmq, three rounds in turn")
    return status or compare(["--short", "--rounds", "3", "--scale", "0.5"], 900)


def cmd_clean(args):
    """clean                 removes the builds"""
    for folder in OPTIONS:
        shutil.rmtree(os.path.join(ROOT, folder), ignore_errors=True)


def cmd_help(args):
    """help                  this"""
    say("usage: ./dev COMMAND\n")
    for name in COMMANDS:
        say("    " + COMMANDS[name].__doc__)


COMMANDS = {n[4:]: f for n, f in list(globals().items()) if n.startswith("cmd_")}


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else "help"
    if name in ("-h", "--help"):
        name = "help"
    if name not in COMMANDS:
        cmd_help([])
        return 2
    os.chdir(ROOT)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what run() started ends, too
    return COMMANDS[name](sys.argv[2:]) or 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Stop as stop:
        print("dev: %s" % stop, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # ./dev ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
