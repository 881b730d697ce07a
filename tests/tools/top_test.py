#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""top_test: `zuring top` as a user, a script, a terminal and Prometheus see it.

    top_test.py ZURING DROPIN

A process of its own sends messages with the drop-in and keeps ZURING_STATS_FILE.
"""

import ctypes
import fcntl
import http.client
import json
import os
import pty
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest
import urllib.error
import urllib.request

DEADLINE_S = 120
SENT, DROPPED = 70, 30
PUSH, PULL, ROUTER, RADIO, DISH = 8, 7, 6, 14, 15
RCVTIMEO = 27
STATS_FILE = 0x5A06


def watched(library):
    """The process that is watched: says its pid and waits until its input ends."""
    zmq = ctypes.CDLL(library)
    handle, text = ctypes.c_void_p, ctypes.c_char_p
    zmq.zmq_ctx_new.restype = zmq.zmq_socket.restype = handle
    zmq.zmq_ctx_set.argtypes = zmq.zmq_socket.argtypes = [handle, ctypes.c_int, ctypes.c_int]
    zmq.zmq_socket.argtypes = [handle, ctypes.c_int]
    zmq.zmq_bind.argtypes = zmq.zmq_connect.argtypes = [handle, text]
    zmq.zmq_send.argtypes = zmq.zmq_recv.argtypes = [handle, text, ctypes.c_size_t, ctypes.c_int]
    ctx = zmq.zmq_ctx_new()
    assert zmq.zmq_ctx_set(ctx, STATS_FILE, 1) == 0
    pull, push, router = (zmq.zmq_socket(ctx, t) for t in (PULL, PUSH, ROUTER))
    at = b"ipc://@zuring-top-%d" % os.getpid()
    assert zmq.zmq_bind(pull, at) == 0 and zmq.zmq_connect(push, at) == 0
    room = ctypes.create_string_buffer(16)
    for _ in range(SENT):
        assert zmq.zmq_send(push, b"job", 3, 0) == 3
        assert zmq.zmq_recv(pull, room, 16, 0) == 3
    for _ in range(DROPPED):
        assert zmq.zmq_send(router, b"nobody", 6, 2) == 6 and zmq.zmq_send(router, b"x", 1, 0) == 1
    print(os.getpid(), flush=True)
    sys.stdin.read()
    os._exit(0)


def keeper(library):
    """Two contexts that keep their files; a line "0 1" has the first one keep it, "0 0" keep it no more."""
    zmq = ctypes.CDLL(library)
    zmq.zmq_ctx_new.restype = ctypes.c_void_p
    zmq.zmq_ctx_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
    contexts = [zmq.zmq_ctx_new(), zmq.zmq_ctx_new()]
    for ctx in contexts:
        assert zmq.zmq_ctx_set(ctx, STATS_FILE, 1) == 0
    print(os.getpid(), flush=True)
    for line in sys.stdin:
        which, on = map(int, line.split())
        assert zmq.zmq_ctx_set(contexts[which], STATS_FILE, on) == 0
    os._exit(0)


def speaker(library):
    """A RADIO and a DISH over udp, which it hears to the end; says its pid and where, and waits."""
    zmq = ctypes.CDLL(library)
    handle, text = ctypes.c_void_p, ctypes.c_char_p
    zmq.zmq_ctx_new.restype = zmq.zmq_socket.restype = handle
    zmq.zmq_ctx_set.argtypes = zmq.zmq_socket.argtypes = [handle, ctypes.c_int, ctypes.c_int]
    zmq.zmq_socket.argtypes = [handle, ctypes.c_int]
    zmq.zmq_bind.argtypes = zmq.zmq_connect.argtypes = zmq.zmq_join.argtypes = [handle, text]
    zmq.zmq_send.argtypes = zmq.zmq_recv.argtypes = [handle, text, ctypes.c_size_t, ctypes.c_int]
    zmq.zmq_setsockopt.argtypes = [handle, ctypes.c_int, handle, ctypes.c_size_t]
    ctx = zmq.zmq_ctx_new()
    assert zmq.zmq_ctx_set(ctx, STATS_FILE, 1) == 0
    radio, dish = (zmq.zmq_socket(ctx, t) for t in (RADIO, DISH))
    timeout = ctypes.c_int(1000)
    assert zmq.zmq_setsockopt(dish, RCVTIMEO, ctypes.byref(timeout), 4) == 0
    at = b""
    while not at or zmq.zmq_bind(dish, at) != 0: # until it is nobody's
        at = b"udp://127.0.0.1:%d" % random.randrange(20000, 31000)
    assert zmq.zmq_connect(radio, at) == 0 and zmq.zmq_join(dish, b"") == 0
    room = ctypes.create_string_buffer(16)
    heard = 0
    while heard < SENT: # a machine that has much to do loses datagrams
        assert zmq.zmq_send(radio, b"job", 3, 0) == 3
        heard += zmq.zmq_recv(dish, room, 16, 0) == 3
    print(os.getpid(), at.decode(), flush=True)
    sys.stdin.read()
    os._exit(0)


class Top(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process = subprocess.Popen([sys.executable, __file__, "--watched", DROPIN],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cls.pid = cls.process.stdout.readline().strip()
        assert cls.pid, "the process that is to be watched did not start"

    @classmethod
    def tearDownClass(cls):
        cls.process.communicate("", timeout=DEADLINE_S)

    def top(self, *args, status=0):
        done = subprocess.run([ZURING, "top", *args], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def until(self, what):
        """The first thing that `what` gives and that is something."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            found = what()
            if found:
                return found
            time.sleep(0.01)
        self.fail("it never came")

    def context(self):
        seen = json.loads(self.top("--once", "--json", "--interval", "0.01", self.pid))
        self.assertEqual(seen["pid"], int(self.pid))
        return seen["contexts"][0]

    def settled(self):
        """The file is written ten times a second; what it says in the end."""
        def look():
            seen = self.context()
            by_type = {s["type"]: s for s in seen["sockets"]}
            dropped = by_type.get("ROUTER", {}).get("dropped_no_route")
            return dropped == DROPPED and (seen, by_type)
        return self.until(look)

    def test_json_has_every_number(self):
        seen, by_type = self.settled()
        self.assertEqual(by_type["PUSH"]["sent"], SENT)
        self.assertEqual(by_type["PULL"]["received"], SENT)
        self.assertGreater(by_type["PUSH"]["bytes_out"], SENT * 5)
        self.assertEqual(len(seen["loops"]), 1)
        self.assertGreaterEqual(seen["loops"][0]["connections"], 2)
        self.assertEqual(len(seen["connections"]), 2)
        self.assertTrue(any("zuring-top" in c["local"] for c in seen["connections"]))
        self.assertEqual(seen["totals"]["sockets"], len(seen["sockets"]))
        self.assertEqual(seen["totals"]["dropped_no_route"], DROPPED)
        self.assertEqual(seen["totals"]["sent"], sum(s["sent"] for s in seen["sockets"]))

    def test_what_knows_no_connections_has_numbers_and_names(self):
        with subprocess.Popen([sys.executable, __file__, "--speaker", DROPIN], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as speaker:
            pid, at = speaker.stdout.readline().split()

            def ends():
                seen = json.loads(self.top("--once", "--json", "--interval", "0.01", pid))
                both = seen["contexts"][0]["connections"]
                # with a byte for the group's size, which is 0
                return len(both) == 2 and all(
                    c["bytes_out"] + c["bytes_in"] >= SENT * 4 for c in both) and both

            both = self.until(ends)
            self.assertEqual({(c["remote"] or c["local"]) for c in both}, {at})
            self.assertEqual(len({c["connection"] for c in both} - {0}), 2)
            self.assertTrue(all(c["active_ms"] > 0 for c in both))
            screen = self.top("--once", "--interval", "0.01", pid)
            self.assertEqual([l.split(" " + at)[1] for l in screen.splitlines() if " " + at in l].count(
                " (anybody)"), 1)
            self.assertNotIn("not connected", screen)
            speaker.stdin.close()

    def test_json_goes_on(self):
        with subprocess.Popen([ZURING, "top", "--json", "--interval", "0.05", self.pid],
                              stdout=subprocess.PIPE, text=True) as running:
            for _ in range(3):
                self.assertEqual(json.loads(running.stdout.readline())["pid"], int(self.pid))
            running.send_signal(signal.SIGINT)
            self.assertEqual(running.wait(DEADLINE_S), 0)

    def test_a_screen_has_who_hurts_first(self):
        self.settled()
        lines = self.top("--once", "--interval", "0.2", self.pid).splitlines()
        self.assertIn("process " + self.pid, lines[0])
        at = next(i for i, l in enumerate(lines) if l.startswith("SOCKET") and "TYPE" in l)
        rows = [l.split() for l in lines[at + 1:at + 4]]
        self.assertEqual({r[1] for r in rows}, {"PUSH", "PULL", "ROUTER"})
        router = next(r for r in rows if r[1] == "ROUTER")
        self.assertEqual(router[9], str(DROPPED))

    def test_a_terminal_shows_it_live_and_q_ends_it(self):
        child, terminal = pty.fork()
        if child == 0:
            os.execv(ZURING, [ZURING, "top", "--interval", "0.05", self.pid])
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        seen = b""
        end = time.monotonic() + DEADLINE_S
        while seen.count(b"ROUTER") < 3 and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                seen += os.read(terminal, 65536)
        os.write(terminal, b"q")
        while True:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertGreaterEqual(seen.count(b"ROUTER"), 3, "it is drawn again and again")
        self.assertTrue(seen.startswith(b"\x1b[?1049h"))
        self.assertTrue(seen.rstrip().endswith(b"\x1b[?1049l"), "the terminal is as it was")

    def test_who_cannot_be_watched_is_told_so(self):
        self.assertIn("no process", self.top("--once", "999999999", status=1))
        self.assertIn("ZURING_STATS_FILE", self.top("--once", str(os.getpid()), status=1))

    def test_what_was_given_wrong_is_told(self):
        wrong = {"number of a process": [[], ["no"], [self.pid, self.pid], ["0"]],
                 "--interval takes": [["--interval", "no", self.pid], ["--interval", "0", self.pid]],
                 "--prometheus takes": [["--prometheus", port, self.pid]
                                        for port in ("99999", "0", "-1", "http", "")],
                 "goes neither": [["--once", "--prometheus", "9100", self.pid],
                                  ["--json", "--once", "--prometheus", "9100", self.pid]],
                 "is not given": [["--address", "127.0.0.1", self.pid]]}
        for what, all_given in wrong.items():
            for given in all_given:
                said = self.top(*given, status=1)
                self.assertIn(what, said.splitlines()[0], given)
                self.assertIn("--prometheus PORT", said)

    def test_what_cannot_be_written_is_told(self):
        with open("/dev/full", "w") as full:
            for form in ("--json", "--once"):
                done = subprocess.run([ZURING, "top", "--once", form, "--interval", "0.01", self.pid],
                                      stdout=full, stderr=subprocess.PIPE, text=True,
                                      timeout=DEADLINE_S)
                self.assertEqual(done.returncode, 1)
                self.assertIn("No space left", done.stderr)

    def test_a_process_that_was_stopped_is_told(self):
        def stopped():
            """It may be stopped while it writes; then there is nothing to show, and it is tried again."""
            os.kill(int(self.pid), signal.SIGSTOP)
            try:
                argv = [ZURING, "top", "--once", "--interval", "1.2", self.pid]
                done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                      timeout=DEADLINE_S)
                self.assertIn("NO NEWS" if done.returncode == 0 else "stopped or hangs",
                              done.stdout + done.stderr)
                return done.returncode == 0
            finally:
                os.kill(int(self.pid), signal.SIGCONT)

        self.until(stopped)
        self.until(lambda: "NO NEWS" not in self.top("--once", "--interval", "0.3", self.pid))

    # ---- what is no file of the process's ----

    def copied(self, pid):
        """What the watched process keeps, as if `pid` had written it."""
        folder = "/proc/%s/fd/" % self.pid
        path = next(folder + fd for fd in os.listdir(folder)
                    if os.readlink(folder + fd).startswith("/memfd:zuring-stats"))
        with open(path, "rb") as f:
            size = struct.unpack_from("Q", f.read(24), 16)[0]
            f.seek(0)
            data = bytearray(f.read(size))
        struct.pack_into("Q", data, 8, 2)
        struct.pack_into("Q", data, 24, pid)
        return data

    def kept(self, data):
        """As a file of our own."""
        file = os.memfd_create("zuring-stats")
        self.addCleanup(os.close, file)
        self.spoil(file, data)
        return file

    def spoil(self, file, data):
        os.ftruncate(file, 0)
        os.pwrite(file, data, 0)

    def test_a_forked_process_is_not_taken_for_its_parent(self):
        self.settled()
        self.kept(self.copied(int(self.pid)))
        self.assertIn("ZURING_STATS_FILE", self.top("--once", str(os.getpid()), status=1))

    def test_a_text_that_a_terminal_would_obey_is_shown_without_that(self):
        self.settled()
        data = self.copied(os.getpid())
        self.assertIn(b"zuring-top-", data)
        self.kept(data.replace(b"zuring-top-", b"\xc3\xa4 \x1b[2J\xff\xc2\x9b\""))
        screen = self.top("--once", "--interval", "0.01", str(os.getpid()))
        self.assertIn("\u00e4 ?[2J???\"", screen)
        json.loads(self.top("--once", "--json", "--interval", "0.01", str(os.getpid())))

    def test_a_spoilt_file_does_no_harm(self):
        self.settled()
        good = self.copied(os.getpid())
        file = self.kept(good)
        chance = random.Random(1)
        for i in range(24):
            data = bytearray(good)
            if i % 3 == 0:
                data = data[:chance.randrange(len(data))]
            elif i % 3 == 1:
                struct.pack_into("Q", data, 8 * chance.randrange(2, 17),
                                 chance.choice([0, 1, len(data), 1 << 32, 1 << 63, (1 << 64) - 1]))
            else:
                for _ in range(30):
                    data[chance.randrange(len(data))] = chance.randrange(256)
            self.spoil(file, data)
            done = subprocess.run([ZURING, "top", "--once", "--json", "--interval", "0.01",
                                   str(os.getpid())], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=DEADLINE_S)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            if done.returncode == 0:
                self.assertIn("contexts", json.loads(done.stdout))

    def test_a_file_cannot_ask_for_much_memory(self):
        self.settled()
        data = self.copied(os.getpid()).ljust(1 << 20, b"\0")
        struct.pack_into("Q", data, 16, len(data))
        file = self.kept(data)
        self.top("--once", "--interval", "0.01", str(os.getpid()))
        struct.pack_into("QQQ", data, 88, 136, 1, len(data) - 136)
        self.spoil(file, data)
        self.top("--once", "--interval", "0.01", str(os.getpid()), status=1)

    # ---- Prometheus ----

    def free_port(self):
        """One that no connection takes as its own, and none of the other tests."""
        for _ in range(1000):
            port = random.randrange(31000, 32768)
            try:
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
        self.fail("no free port")

    def serve(self, pid=None):
        port = self.free_port()
        running = subprocess.Popen([ZURING, "top", "--prometheus", str(port), pid or self.pid],
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(running.wait)
        self.addCleanup(running.kill)
        return port

    def scrape(self, port):
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port,
                                        timeout=DEADLINE_S / 2) as answer:
                return answer.read().decode()
        except (OSError, http.client.HTTPException):
            return None

    def test_prometheus_text_is_well_formed(self):
        port = self.serve()
        text = self.until(lambda: self.scrape(port))
        line = re.compile(r'[a-z_]+(\{([a-z_]+="[^"\\]*"(,|(?=\})))*\})? \d+$')
        series = set()
        for one in text.splitlines():
            if not one.startswith("#"):
                self.assertRegex(one, line)
                self.assertNotIn(one.rsplit(" ", 1)[0], series, "no series twice")
                series.add(one.rsplit(" ", 1)[0])
        self.assertRegex(text, r'zuring_socket_sent_total\{[^}]*type="PUSH"\} %d\n' % SENT)
        self.assertIn('zuring_up{pid="%s"} 1' % self.pid, text)
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen("http://127.0.0.1:%d/nothing" % port, timeout=DEADLINE_S)

    def test_it_serves_others_meanwhile(self):
        """Some say nothing, one says a byte now and then, one asks and does not read."""
        port = self.serve()
        self.until(lambda: self.scrape(port))
        at, over = ("127.0.0.1", port), threading.Event()

        def drip():
            try:
                while not over.wait(0.2):
                    dripping.send(b"G")
            except OSError:
                pass # it was given up

        with socket.create_connection(at), socket.create_connection(at) as dripping:
            with socket.create_connection(at) as deaf:
                deaf.send(b"GET /metrics HTTP/1.1\r\n\r\n")
                thread = threading.Thread(target=drip)
                thread.start()
                try:
                    self.assertTrue(self.until(lambda: self.scrape(port)))
                finally:
                    over.set()
                    thread.join()

    def test_it_gives_up_who_came_first_when_there_are_too_many(self):
        port = self.serve()
        self.until(lambda: self.scrape(port))
        mute = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        try:
            self.assertTrue(self.until(lambda: self.scrape(port)))
            mute[0].settimeout(DEADLINE_S)
            self.assertEqual(mute[0].recv(1), b"")
        finally:
            for one in mute:
                one.close()

    def ask(self, port, method, path):
        """Status, length that was announced, body; None: it did not work out."""
        try:
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S / 2)
            asked.request(method, path)
            answer = asked.getresponse()
            return answer.status, int(answer.getheader("Content-Length")), answer.read()
        except (OSError, http.client.HTTPException):
            return None

    def test_it_answers_what_is_asked(self):
        port = self.serve()
        self.until(lambda: self.scrape(port))
        status, size, body = self.until(lambda: self.ask(port, "HEAD", "/metrics"))
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(size, 1000)
        status, size, body = self.until(lambda: self.ask(port, "GET", "/metrics?name=x"))
        self.assertEqual((status, len(body)), (200, size))
        self.assertEqual(self.until(lambda: self.ask(port, "GET", "/metricsx"))[0], 404)
        self.assertEqual(self.until(lambda: self.ask(port, "POST", "/metrics"))[0], 405)

    def test_it_follows_the_files_that_there_are(self):
        with subprocess.Popen([sys.executable, __file__, "--keeper", DROPIN], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as kept:
            pid = kept.stdout.readline().strip()
            port = self.serve(pid)

            def serves(contexts, up):
                text = self.scrape(port)
                if text is None:
                    return False
                seen = set(re.findall(r'^zuring_context_sockets\{context="(\d+)"\}', text, re.M))
                return seen == contexts and 'zuring_up{pid="%s"} %d\n' % (pid, up) in text

            def tell(line):
                kept.stdin.write(line + "\n")
                kept.stdin.flush()

            self.until(lambda: serves({"0", "1"}, 1))
            tell("0 0")
            self.until(lambda: serves({"1"}, 1))
            tell("0 1")
            self.until(lambda: serves({"0", "1"}, 1))
            tell("1 0")
            self.until(lambda: serves({"0"}, 1))
            tell("0 0")
            self.until(lambda: serves(set(), 0))
            kept.stdin.close()

    def test_it_is_up_when_all_files_are(self):
        self.settled()
        for updated, up in ((1 << 62, 1), (1, 0)):
            data = self.copied(os.getpid())
            struct.pack_into("Q", data, 32, updated)
            self.kept(data)
            port = self.serve(str(os.getpid()))
            text = self.until(lambda: self.scrape(port))
            self.assertIn('zuring_up{pid="%d"} %d\n' % (os.getpid(), up), text)

    @unittest.skipUnless(shutil.which("prometheus"), "Prometheus is not installed")
    def test_a_real_prometheus_scrapes_it(self):
        port = self.serve()
        self.until(lambda: self.scrape(port))
        own = self.free_port()
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/p.yml", "w") as f:
                f.write("scrape_configs:\n- job_name: z\n  scrape_interval: 1s\n"
                        "  static_configs:\n  - targets: ['127.0.0.1:%d']\n" % port)
            running = subprocess.Popen(
                ["prometheus", "--config.file=" + folder + "/p.yml", "--storage.tsdb.path=" + folder,
                 "--web.listen-address=127.0.0.1:%d" % own], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            try:
                def ask():
                    query = ("http://127.0.0.1:%d/api/v1/query?query=zuring_socket_sent_total" % own)
                    try:
                        with urllib.request.urlopen(query, timeout=DEADLINE_S / 2) as answer:
                            return json.load(answer)["data"]["result"]
                    except (OSError, http.client.HTTPException):
                        return None
                found = {r["metric"]["type"]: int(r["value"][1]) for r in self.until(ask)}
                self.assertEqual(found["PUSH"], SENT)
            finally:
                running.kill()
                running.wait()


if __name__ == "__main__":
    if sys.argv[1] == "--watched":
        watched(sys.argv[2])
    if sys.argv[1] == "--keeper":
        keeper(sys.argv[2])
    if sys.argv[1] == "--speaker":
        speaker(sys.argv[2])
    ZURING, DROPIN = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1], verbosity=2)
