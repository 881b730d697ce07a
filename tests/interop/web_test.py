#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peers from the web's side, at the libzmq.so.5 that the loader finds.

    LD_LIBRARY_PATH=build/dropin web_test.py ws node FOLDER  jszmq, which npm has put there, under Node
    LD_LIBRARY_PATH=build/dropin web_test.py ws browser      a page in Chromium, without a window

With wss in the place of ws it is that, and the peers trust a certificate that is made for it.
Ends with 77, and says why, where one is not to be had.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile

import zmq

import certificate

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


class Place:
    """Where our sockets are, and what its scheme needs."""

    def __init__(self, scheme, folder):
        self.scheme = scheme
        if scheme == "wss":
            self.key, self.cert = certificate.make(folder)


def bound(ctx, kind, place):
    s = socket_of(ctx, kind)
    if place.scheme == "wss":
        certificate.set_file(s, certificate.KEY, place.key)
        certificate.set_file(s, certificate.CERT, place.cert)
    s.bind(place.scheme + "://127.0.0.1:*")
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


def start(argv, **environment):
    return subprocess.Popen(argv, start_new_session=True, stdin=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, env=dict(os.environ, **environment))


def stop(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def node(ctx, place, folder):
    pub, pub_port = bound(ctx, zmq.XPUB, place)
    pull, pull_port = bound(ctx, zmq.PULL, place)
    router, router_port = bound(ctx, zmq.ROUTER, place)
    trusted = {"NODE_EXTRA_CA_CERTS": place.cert} if place.scheme == "wss" else {}
    peer = start(["node", os.path.join(HERE, "web_peer.js"), folder] +
                 ["%s://127.0.0.1:%d/" % (place.scheme, port) for port in (pub_port, pull_port, router_port)],
                 **trusted)
    try:
        pass_on(pub, pull)
        talk(router)
    finally:
        stop(peer)


def browser(ctx, place):
    pub, pub_port = bound(ctx, zmq.XPUB, place)
    pull, pull_port = bound(ctx, zmq.PULL, place)
    page = "file://%s#%s,%d,%d" % (os.path.join(HERE, "web_page.html"), place.scheme, pub_port, pull_port)
    trusted = (["--ignore-certificate-errors-spki-list=" + certificate.fingerprint(place.key)]
               if place.scheme == "wss" else [])
    for attempt in range(TRIES):
        home = tempfile.mkdtemp(prefix="zuring-browser-")
        peer = start([chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                      "--disable-dev-shm-usage", "--user-data-dir=" + home,
                      "--remote-debugging-port=0"] + trusted + [page])
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
    scheme, peer, *where = sys.argv[1:]
    ctx = zmq.Context()
    if not zmq.has(scheme.upper()):
        sys.exit("this library has no " + scheme)
    made = tempfile.TemporaryDirectory()
    if peer == "node":
        folder = os.path.join(where[0], "node_modules", "jszmq")
        if not shutil.which("node"):
            skip("there is no node")
        if not os.path.isdir(folder):
            skip("npm has not put jszmq into %s: ./dev test has it do so" % where[0])
        node(ctx, Place(scheme, made.name), folder)
    else:
        if not chromium():
            skip("there is no chromium")
        browser(ctx, Place(scheme, made.name))
    ctx.destroy(0)


main()
