#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peers from the web's side, at the libzmq.so.5 that the loader finds.

    LD_LIBRARY_PATH=build/dropin web_test.py node FOLDER     jszmq, which npm has put there, under Node
    LD_LIBRARY_PATH=build/dropin web_test.py browser         a page in Chromium, without a window

Ends with 77, and says why, where one is not to be had.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile

import zmq

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE_MS = 120000  # a browser takes its time to start
TRIES = 3  # for now and then it does not
SKIP = 77


def skip(why):
    print("skipped: " + why)
    sys.exit(SKIP)


def socket_of(ctx, kind):
    s = ctx.socket(kind)
    s.rcvtimeo = s.sndtimeo = PATIENCE_MS
    s.linger = 0
    return s


def bound(ctx, kind):
    s = socket_of(ctx, kind)
    s.bind("ws://127.0.0.1:*")
    return s, int(s.last_endpoint.decode().rsplit(":", 1)[1].strip("/\0"))


def bodies():
    """Around the sizes where a frame's header changes; and one that a browser sends in pieces."""
    for size in 0, 1, 124, 125, 126, 65534, 65535, 65536, 3 << 20:
        yield bytes((i * 7 + size) & 255 for i in range(256)) * (size // 256 + 1), size


def pass_on(pub, pull):
    """What is published comes back by way of the peer; what it did not ask for does not."""
    if pub.recv() != b"\1news":
        sys.exit("it did not subscribe")
    sent = []
    for body, size in bodies():
        sent.append([b"news", str(size).encode(), body[:size]])
        pub.send_multipart([b"other", b"x"])
        pub.send_multipart(sent[-1])
    for message in sent:
        if pull.recv_multipart() != message:
            sys.exit("another message of %s bytes" % message[1].decode())


def talk(router):
    peer, here = router.recv_multipart()
    if here != b"here":
        sys.exit("it is not where it was")
    for body, size in bodies():
        router.send_multipart([peer, b"", body[:size]])
        if router.recv_multipart() != [peer] + 2 * [b"", body[:size]]:
            sys.exit("another answer to %d bytes" % size)


def start(argv):
    return subprocess.Popen(argv, start_new_session=True, stdin=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def stop(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def node(ctx, folder):
    pub, pub_port = bound(ctx, zmq.XPUB)
    pull, pull_port = bound(ctx, zmq.PULL)
    router, router_port = bound(ctx, zmq.ROUTER)
    peer = start(["node", os.path.join(HERE, "web_peer.js"), folder] +
                 ["ws://127.0.0.1:%d/" % port for port in (pub_port, pull_port, router_port)])
    try:
        pass_on(pub, pull)
        talk(router)
    finally:
        stop(peer)


def browser(ctx):
    pub, pub_port = bound(ctx, zmq.XPUB)
    pull, pull_port = bound(ctx, zmq.PULL)
    page = "file://%s#%d,%d" % (os.path.join(HERE, "web_page.html"), pub_port, pull_port)
    for attempt in range(TRIES):
        home = tempfile.mkdtemp(prefix="zuring-browser-")
        peer = start([chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                      "--disable-dev-shm-usage", "--user-data-dir=" + home,
                      "--remote-debugging-port=0", page])
        try:
            if pub.poll(PATIENCE_MS) or attempt == TRIES - 1:
                pass_on(pub, pull)
                break
        finally:
            stop(peer)
            shutil.rmtree(home, ignore_errors=True)


def chromium():
    for name in "chromium", "chromium-browser", "google-chrome":
        if shutil.which(name):
            return name
    return None


def main():
    ctx = zmq.Context()
    if not zmq.has("WS"):
        sys.exit("this library has no ws")
    if sys.argv[1] == "node":
        folder = os.path.join(sys.argv[2], "node_modules", "jszmq")
        if not shutil.which("node"):
            skip("there is no node")
        if not os.path.isdir(folder):
            skip("npm has not put jszmq into %s: ./dev test has it do so" % sys.argv[2])
        node(ctx, folder)
    else:
        if not chromium():
            skip("there is no chromium")
        browser(ctx)
    ctx.destroy(0)


main()
