#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kdc: runs a command in a Kerberos realm of its own.

    kdc.py COMMAND [ARGUMENT ...]

Debian's krb5kdc on loopback, with its database, configuration and keytabs in a folder that goes with
it; nothing of the machine's own Kerberos is read or written. The command finds in its environment

    KRB5_CONFIG and its kind    the realm ZURING.TEST, whose KDC is ours
    KRB5_KTNAME, KRB5_CLIENT_KTNAME  the keys of all principals
    KRB5CCNAME, KRB5RCACHENAME  where tickets, and what was said once, are kept

Principals: zmqtest2/HOST (what libzmq's own test wants), server/localhost, and the users friend and
stranger. The status is the command's; 77, with a reason, where there is no KDC to be had.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

REALM = "ZURING.TEST"
PRINCIPALS = ["zmqtest2/" + socket.gethostname().lower(), "server/localhost", "friend", "stranger"]
PATIENCE_S = 300
SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

CONFIG = """
[libdefaults]
    default_realm = {realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    qualify_shortname = ""
    udp_preference_limit = 1
[realms]
    {realm} = {{
        kdc = 127.0.0.1:{port}
    }}
[domain_realm]
    {host} = {realm}
    localhost = {realm}
"""

KDC_CONFIG = """
[kdcdefaults]
    kdc_listen = 127.0.0.1:{port}
    kdc_tcp_listen = 127.0.0.1:{port}
[realms]
    {realm} = {{
        database_name = {folder}/principal
        key_stash_file = {folder}/stash
        max_life = 1h
        supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha256-128:normal
    }}
[logging]
    kdc = FILE:{folder}/kdc.log
"""


def skip(why):
    print("skipped: " + why, flush=True)
    sys.exit(77)


def tool(name):
    return shutil.which(name, path=SBIN) or skip("there is no %s (Debian: krb5-kdc, krb5-admin-server)" % name)


def call(argv, env, given=""):
    got = subprocess.run(argv, env=env, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if got.returncode:
        sys.exit("%s: status %d\n%s" % (" ".join(argv), got.returncode, got.stdout))


def write(folder, port):
    names = {"realm": REALM, "port": port, "folder": folder, "host": socket.gethostname()}
    for name, text in ("krb5.conf", CONFIG), ("kdc.conf", KDC_CONFIG):
        with open(os.path.join(folder, name), "w") as f:
            f.write(text.format(**names))


def environment(folder):
    env = dict(os.environ)
    env.update(KRB5_CONFIG=folder + "/krb5.conf", KRB5_KDC_PROFILE=folder + "/kdc.conf",
               KRB5_KTNAME="FILE:%s/keytab" % folder, KRB5_CLIENT_KTNAME="FILE:%s/keytab" % folder,
               KRB5CCNAME="DIR:%s/tickets" % folder, KRB5RCACHENAME="file2:%s/replays" % folder)
    return env


def fill(folder, env):
    """The database, and the keys of everybody."""
    call([tool("kdb5_util"), "create", "-s", "-r", REALM, "-P", "nobody knows"], env)
    lines = ["addprinc -randkey " + name for name in PRINCIPALS]
    lines += ["ktadd -norandkey -k %s/keytab %s" % (folder, name) for name in PRINCIPALS]
    call([tool("kadmin.local"), "-r", REALM], env, "\n".join(lines) + "\n")
    if not os.path.exists(folder + "/keytab"):
        sys.exit("kadmin.local made no keytab")


def free_port():
    """One that no connection takes as its own, and that the C tests leave alone."""
    while True:
        port = random.randrange(31000, 32768)
        try:
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
            return port
        except OSError:
            continue


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def start(folder, env):
    """The KDC; on another port where somebody was faster than it."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        port = free_port()
        write(folder, port)
        with open(os.path.join(folder, "kdc.out"), "wb") as out:
            kdc = subprocess.Popen([tool("krb5kdc"), "-n", "-r", REALM], env=env, stdout=out, stderr=out)
        while kdc.poll() is None and time.monotonic() < until:
            if answers(port):
                return kdc
            time.sleep(0.01)
        kdc.kill()
        kdc.wait()
    with open(os.path.join(folder, "kdc.out"), errors="replace") as out:
        sys.exit("the KDC does not start\n" + out.read())


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kdc = command = None
    folder = tempfile.mkdtemp(prefix="zuring-kdc-")
    try:
        env = environment(folder)
        os.mkdir(folder + "/tickets")
        write(folder, 1)
        fill(folder, env)
        kdc = start(folder, env)
        command = subprocess.Popen(sys.argv[1:], env=env)
        status = command.wait()
        return 128 - status if status < 0 else status
    finally:
        for process in command, kdc:
            if process and process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
