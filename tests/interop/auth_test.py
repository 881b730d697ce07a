#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pyzmq's zmq.auth, unchanged, over the libzmq.so.5 that the loader finds: its ThreadAuthenticator lets in and keeps
out whom it should, under NULL, PLAIN and CURVE.

    LD_LIBRARY_PATH=build/dropin auth_test.py
"""

import sys
import tempfile

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils.monitor import recv_monitor_message

PATIENCE_MS = 60000


def certificate(folder, name):
    return zmq.auth.load_certificate(zmq.auth.create_certificates(folder, name)[1])


def is_let_in(ctx, server_options, client_options):
    """Whether the client's message gets through, or the client is told that it is not let in."""
    server, client = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
    for socket, options in (server, server_options), (client, client_options):
        socket.linger = 0
        for name, value in options.items():
            setattr(socket, name, value)
    monitor = client.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    client.connect("tcp://127.0.0.1:%d" % server.bind_to_random_port("tcp://127.0.0.1"))
    try:
        client.send(b"hello", zmq.NOBLOCK)
    except zmq.Again:
        pass  # it has been refused already, and has nobody to send to
    poller = zmq.Poller()
    poller.register(server, zmq.POLLIN)
    poller.register(monitor, zmq.POLLIN)
    ready = dict(poller.poll(PATIENCE_MS))
    verdict = "nothing happened"
    if server in ready:
        verdict = server.recv() == b"hello"
    elif monitor in ready:
        verdict = recv_monitor_message(monitor)["value"] != 400 and "another status"
    client.disable_monitor()
    monitor.close(0)
    server.close(0)
    client.close(0)
    return verdict


def main():
    ctx = zmq.Context()
    auth = ThreadAuthenticator(ctx)
    auth.start()
    known, server = tempfile.mkdtemp(), certificate(tempfile.mkdtemp(), "server")
    friend, stranger = certificate(known, "friend"), certificate(tempfile.mkdtemp(), "stranger")
    plain = {"plain_server": True}
    curve = {"curve_secretkey": server[1], "curve_publickey": server[0], "curve_server": True}

    def keys(pair):
        return {"curve_publickey": pair[0], "curve_secretkey": pair[1], "curve_serverkey": server[0]}

    auth.configure_plain(domain="*", passwords={"admin": "secret"})
    auth.configure_curve(domain="*", location=known)
    cases = [
        ("NULL, nobody denied", {"zap_domain": b"global"}, {}, True),
        ("PLAIN, the password", plain, {"plain_username": b"admin", "plain_password": b"secret"}, True),
        ("PLAIN, another one", plain, {"plain_username": b"admin", "plain_password": b"guess"}, False),
        ("CURVE, a key that is known", curve, keys(friend), True),
        ("CURVE, one that is not", curve, keys(stranger), False),
    ]
    bad = 0
    for name, server_options, client_options, expected in cases:
        seen = is_let_in(ctx, server_options, client_options)
        print("%s: %s" % (name, "ok" if seen == expected else "%s instead of %s" % (seen, expected)))
        bad += seen != expected
    auth.deny("127.0.0.1")
    seen = is_let_in(ctx, {"zap_domain": b"global"}, {})
    print("NULL, the address denied: %s" % ("ok" if seen is False else seen))
    bad += seen is not False
    auth.stop()
    ctx.term()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
