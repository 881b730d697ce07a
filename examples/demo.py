#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""demo: unmodified programs talk to each other through zuring, and it is shown that they do.

    demo.py --build build

The C programs are compiled here against the distribution's zmq.h and libzmq, the Python ones use the
distribution's python3-zmq. All are started with the drop-in in the place of libzmq. Shown are which
library file each process has mapped, and what its loops counted: the bytes that went through receive
and send requests of the kernel boundary.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
DEADLINE = 60
SIZE = 100
COUNT = {"C": 200000, "Python": 50000}


class Failed(Exception):
    pass


def compile_programs(into):
    os.makedirs(into, exist_ok=True)
    for name in ("server", "client"):
        subprocess.run(["gcc", "-O2", os.path.join(HERE, name + ".c"), "-o",
                        os.path.join(into, name), "-lzmq"], check=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def endpoints(transport, folder):
    if transport == "tcp":
        return ["tcp://127.0.0.1:%d" % free_port() for _ in range(2)]
    return ["ipc://%s/%s" % (folder, name) for name in ("questions", "messages")]


class Program:
    """A program under zuring, its library and its counters."""

    def __init__(self, build, part, language, arguments, folder):
        self.part, self.language = part, language
        self.report = os.path.join(folder, part + ".report")
        path = os.path.join(build, "examples", part)
        self.argv = [path] if language == "C" else [PYTHON, os.path.join(HERE, part + ".py")]
        self.argv += arguments
        self.tool = os.path.join(build, "tools", "zuring")
        env = dict(os.environ, ZURING_REPORT=self.report)
        self.process = subprocess.Popen([self.tool, "exec", "--"] + self.argv, env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def line(self):
        got = self.process.stdout.readline().strip()
        if not got:
            raise Failed("the %s in %s ended with %s" % (self.part, self.language,
                                                          self.process.wait(DEADLINE)))
        return got

    def libraries(self):
        """Every libzmq that the running process has mapped, however it is called."""
        with open("/proc/%d/maps" % self.process.pid) as f:
            return sorted({l.split(None, 5)[5].strip() for l in f
                           if re.search(r"/lib(zmq|zuring)[^/]*\.so", l)})

    def end(self):
        status = self.process.wait(DEADLINE)
        if status:
            raise Failed("the %s in %s ended with %d" % (self.part, self.language, status))

    def counters(self):
        """The loops' lines: pid=… backend=… loop=… recvs=… and so on."""
        try:
            with open(self.report) as f:
                return [dict(w.split("=", 1) for w in l.split() if "=" in w) for l in f if l.strip()]
        except OSError:
            return []


def megabytes(n):
    return "%.1f MB" % (n / 1e6)


def show_counters(program, payload, received):
    loops = program.counters()
    if not loops:
        raise Failed("the %s wrote no counters" % program.part)
    total = {k: sum(int(l.get(k, 0)) for l in loops)
             for k in ("recvs", "recv_bytes", "sends", "send_bytes", "enters", "completions")}
    backends = sorted({l.get("backend", "?") for l in loops})
    print("    %-6s %s: %d receives brought %s, %d sends took %s; %d completions, %d system calls"
          % (program.part, "+".join(backends), total["recvs"], megabytes(total["recv_bytes"]),
             total["sends"], megabytes(total["send_bytes"]), total["completions"], total["enters"]))
    moved = total["recv_bytes" if received else "send_bytes"]
    if moved < payload:
        raise Failed("only %d of %d bytes went through the loops" % (moved, payload))
    return backends


def converse(build, transport, server_in, client_in, folder):
    print("%s: server in %s, client in %s" % (transport, server_in, client_in))
    where, count = endpoints(transport, folder), COUNT[client_in]
    dropin = os.path.realpath(os.path.join(build, "dropin", "libzmq.so.5"))
    running = []
    try:
        server = Program(build, "server", server_in, where, folder)
        running.append(server)
        server.line()
        client = Program(build, "client", client_in, where + [str(count), str(SIZE)], folder)
        running.append(client)
        said = [client.line()]
        for program in running:  # both are running now, and have exchanged messages
            mapped = program.libraries()
            print("    %-6s pid %d (%s) has mapped %s" % (program.part, program.process.pid,
                                                           program.language, ", ".join(mapped)))
            if dropin not in [os.path.realpath(m) for m in mapped]:
                raise Failed("that is not %s" % dropin)
        client.process.stdin.write("\n")
        client.process.stdin.flush()
        said.append(client.line())
        for program in (client, server):
            program.end()
        for line in said:
            print("    " + line)
        if not said[1].endswith("%d messages, %d bytes" % (count, count * SIZE)):
            raise Failed("the server counted something else")
        return [b for p, received in ((server, True), (client, False))
                for b in show_counters(p, count * SIZE, received)]
    finally:
        for program in running:
            if program.process.poll() is None:
                program.process.kill()


def main():
    p = argparse.ArgumentParser(description="Unmodified programs over zuring.")
    p.add_argument("--build", required=True)
    build = os.path.abspath(p.parse_args().build)
    print("compiling the C programs against the distribution's zmq.h and libzmq")
    compile_programs(os.path.join(build, "examples"))
    backends = set()
    try:
        for transport in ("tcp", "ipc"):
            for server_in, client_in in (("C", "Python"), ("Python", "C")):
                with tempfile.TemporaryDirectory(prefix="zuring-demo-") as folder:
                    backends.update(converse(build, transport, server_in, client_in, folder))
    except (Failed, subprocess.SubprocessError) as e:
        print("demo: FAILED: %s" % e)
        return 1
    if backends == {"io_uring"}:
        print("every byte went through receive and send requests of io_uring")
    else:
        print("used: %s (`build/tools/zuring backend` says why)" % ", ".join(sorted(backends)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
