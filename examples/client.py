#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""client: what client.c does, with python3-zmq. It knows nothing of zuring."""

import sys
import zmq

QUESTIONS = 1000


def ask(question):
    req.send_string(question)
    return req.recv_string()


context = zmq.Context()
req, push = context.socket(zmq.REQ), context.socket(zmq.PUSH)
req.connect(sys.argv[1])
push.connect(sys.argv[2])
count, size = int(sys.argv[3]), int(sys.argv[4])
for i in range(QUESTIONS):
    answer = ask("question %d" % i)
    if answer != "QUESTION %d" % i:
        sys.exit("client: a wrong answer: " + answer)
print("asked %d questions, the last answer was: %s" % (QUESTIONS, answer), flush=True)
sys.stdin.readline()
body = bytes(size)
req.send_string("count %d" % count)  # first, so that the server takes what follows
for i in range(count):
    push.send(body)
print("sent %d messages of %d bytes, the server counted: %s" % (count, size, req.recv_string()),
      flush=True)
ask("bye")
context.destroy()
