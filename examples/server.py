#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""server: what server.c does, with python3-zmq. It knows nothing of zuring."""

import sys
import zmq

context = zmq.Context()
rep, pull = context.socket(zmq.REP), context.socket(zmq.PULL)
rep.bind(sys.argv[1])
pull.bind(sys.argv[2])
print("ready", flush=True)
text = ""
while text != "BYE":
    text = rep.recv_string()
    if text.startswith("count "):
        count = int(text[6:])
        text = "%d messages, %d bytes" % (count, sum(len(pull.recv()) for _ in range(count)))
    else:
        text = text.upper()
    rep.send_string(text)
context.destroy()
