#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tls:// between the libzmq.so.5 that the loader finds, by pyzmq, and the distribution's own, which knows no TLS and
is reached through a bridge of Python's; and Python itself, speaking ZMTP by hand.

    LD_LIBRARY_PATH=build/dropin tls_test.py
"""

import os
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

import zmq

import certificate

PATIENCE_S = 20
CLIENT_CERTIFICATE = 0x5A09
SIZES = [0, 1, 33, 34, 255, 256, 4096, 16383, 16384, 70000, 1 << 20]
MANY = 2000


# ---- the distribution's libzmq, in a process of its own ----

def genuine():
    """Says its version, then does what it reads: ROLE ENDPOINT, and when that is done says so."""
    ctx = zmq.Context()
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "libzmq" in line and "/" in line}
    print(zmq.zmq_version(), *paths, flush=True)
    for line in sys.stdin:
        role, at = line.split()
        s = ctx.socket({"ask": zmq.REQ, "answer": zmq.REP, "push": zmq.PUSH, "pull": zmq.PULL}[role])
        s.rcvtimeo = s.sndtimeo = PATIENCE_S * 1000
        if role in ("answer", "pull"):
            s.bind(at)
            print(s.last_endpoint.decode().rsplit(":", 1)[1], flush=True)
        else:
            s.connect(at)
        PLAY[role](s)
        print("done", flush=True)
        s.close()
    ctx.term()


def body(size, seed):
    return bytes((seed + i * 7) & 255 for i in range(251)) * (size // 251) + bytes(size % 251)


def ask(s):
    for seed, size in enumerate(SIZES):
        s.send_multipart([b"head", body(size, seed)])
        assert s.recv_multipart() == [body(size, seed), b"tail"], size


def answer(s):
    for seed, size in enumerate(SIZES):
        assert s.recv_multipart() == [b"head", body(size, seed)], size
        s.send_multipart([body(size, seed), b"tail"])


def push(s):
    for i in range(MANY):
        s.send(b"%d" % i + body(i % 700, i))


def pull(s):
    for i in range(MANY):
        assert s.recv() == b"%d" % i + body(i % 700, i), i


PLAY = {"ask": ask, "answer": answer, "push": push, "pull": pull}


# ---- the bridge ----

NOT_NOW = BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError


def take(source):
    """What has come; nothing at the end; None where there is none now."""
    try:
        return source.recv(65536)
    except NOT_NOW:
        return None
    except OSError:
        return b""


def give(sink, data):
    while data:
        try:
            data = data[sink.send(data):]
        except NOT_NOW:
            select.select([], [sink], [])


def end(sink):
    try:
        if isinstance(sink, ssl.SSLSocket):
            sink.unwrap()
        else:
            sink.shutdown(socket.SHUT_WR)
    except (OSError, ValueError):  # of which is that the other has not ended yet
        pass


def carry(near, far):
    """Both ways in one thread: OpenSSL's connection must not be read and written at a time, and Python lets it be."""
    other = {near: far, far: near}
    for c in other:
        c.setblocking(False)
    open_ends = set(other)
    while open_ends:
        for source in select.select(open_ends, [], [])[0]:
            try:
                while data := take(source):
                    give(other[source], data)
            except OSError:
                data = b""
            if data == b"":
                open_ends.remove(source)
                end(other[source])
    near.close()
    far.close()


def bridge(port, outer, inner):
    """A port that stands for another one of this machine: `outer` and `inner` make TLS of a connection, or nothing."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=carry, args=(outer(near), inner(far)), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


# ---- ours ----

def ours(ctx, kind, key, cert):
    s = ctx.socket(kind)
    s.linger = 0
    s.rcvtimeo = s.sndtimeo = PATIENCE_S * 1000
    certificate.set_file(s, certificate.KEY, key)
    certificate.set_file(s, certificate.CERT, cert)
    certificate.set_file(s, certificate.TRUST, cert)
    return s


def by_hand(connection):
    """A PUSH, as the specification has it."""
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01NULL".ljust(55, b"\0")
    ready = b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH"
    connection.sendall(greeting + bytes([4, len(ready)]) + ready + b"\0\x05hello")


def main():
    folder = tempfile.TemporaryDirectory()
    key, cert = certificate.make(folder.name)
    dialing = ssl.create_default_context(cafile=cert)
    dialing.load_cert_chain(cert, key)
    accepting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=cert)
    accepting.load_cert_chain(cert, key)
    accepting.verify_mode = ssl.CERT_REQUIRED

    def to_tls(c):
        return dialing.wrap_socket(c, server_hostname="127.0.0.1")

    def from_tls(c):
        return accepting.wrap_socket(c, server_side=True)

    environment = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    peer = subprocess.Popen([sys.executable, os.path.abspath(__file__), "genuine"], env=environment, text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    version = peer.stdout.readline().split()
    assert all(path.startswith("/usr/lib/") for path in version[1:]), version
    ctx = zmq.Context()

    for kind, part, theirs in (zmq.REP, answer, "ask"), (zmq.PULL, pull, "push"):
        for asks in 0, 1:  # for a certificate of the client
            s = ours(ctx, kind, key, cert)
            s.set(CLIENT_CERTIFICATE, asks)
            port = s.bind_to_random_port("tls://127.0.0.1")
            peer.stdin.write("%s tcp://127.0.0.1:%d\n" % (theirs, bridge(port, lambda c: c, to_tls)))
            peer.stdin.flush()
            part(s)
            assert peer.stdout.readline() == "done\n"
            s.close()
            print("ok: bound, theirs is to", theirs)

    for kind, part, theirs in (zmq.REQ, ask, "answer"), (zmq.PUSH, push, "pull"):
        peer.stdin.write("%s tcp://127.0.0.1:*\n" % theirs)
        peer.stdin.flush()
        port = int(peer.stdout.readline())
        s = ours(ctx, kind, key, cert)
        s.connect("tls://127.0.0.1:%d" % bridge(port, from_tls, lambda c: c))
        part(s)
        assert peer.stdout.readline() == "done\n"
        s.close()
        print("ok: connected, theirs is to", theirs)

    s = ours(ctx, zmq.PULL, key, cert)
    port = s.bind_to_random_port("tls://127.0.0.1")
    with to_tls(socket.create_connection(("127.0.0.1", port))) as c:
        assert c.version() == "TLSv1.3", c.version()
        by_hand(c)
        assert s.recv() == b"hello"
        print("ok: by hand,", c.cipher()[0])
    s.close()
    peer.stdin.close()
    assert peer.wait(PATIENCE_S) == 0
    ctx.term()


if __name__ == "__main__":
    genuine() if sys.argv[1:] == ["genuine"] else main()
