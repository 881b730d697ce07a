// SPDX-License-Identifier: Apache-2.0
//
// web_peer.js FOLDER PUBLISHER PULLER ROUTER: jszmq's sockets, from the folder it was installed in.
// A SUB at our PUBLISHER passes what it hears to a PUSH at our PULLER; a DEALER at our ROUTER says
// everything twice.
"use strict";

const [folder, publisher, puller, router] = process.argv.slice(2);
const zmq = require(folder);

const dealer = new zmq.Dealer();
dealer.connect(router);
dealer.on("message", (...parts) => dealer.send(parts.concat(parts)));
dealer.send("here");

const push = new zmq.Push();
push.connect(puller);
const sub = new zmq.Sub();
sub.subscribe("news");
sub.on("message", (...parts) => push.send(parts));
sub.connect(publisher);
