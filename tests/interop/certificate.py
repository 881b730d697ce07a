# SPDX-License-Identifier: Apache-2.0
"""A key and its certificate for 127.0.0.1, good for a day, by the command openssl; and how pyzmq's sockets get them."""

import base64
import ctypes
import hashlib
import os
import subprocess

KEY, CERT, TRUST = 103, 104, 105  # ZURING_TLS_*_PEM


def make(folder):
    """The names of two files: the key, and its certificate, which is its own root."""
    key, cert = os.path.join(folder, "key"), os.path.join(folder, "cert")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "1", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, stderr=subprocess.DEVNULL)
    return key, cert


def fingerprint(key):
    """As browsers want it: of the public key, in Base64."""
    public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True,
                            stdout=subprocess.PIPE).stdout
    return base64.b64encode(hashlib.sha256(public).digest()).decode()


def set_file(socket, option, name):
    """pyzmq knows no options of which it has not heard."""
    zmq_setsockopt = ctypes.CDLL("libzmq.so.5", use_errno=True).zmq_setsockopt
    zmq_setsockopt.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
    with open(name, "rb") as f:
        value = f.read()
    assert zmq_setsockopt(socket.underlying, option, value, len(value)) == 0, (option, ctypes.get_errno())
