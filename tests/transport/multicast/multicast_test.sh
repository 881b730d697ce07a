#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# multicast_test.sh PEER: a RADIO and a DISH on two machines, as far as they can tell: two network
# namespaces with a cable between them. Once as it is, and, where the kernel can do that, once with
# a cable that loses datagrams and mixes their order. Skipped (77) where none can be made.
peer=$1
if [ "$2" != inside ]; then
    for tool in unshare nsenter ip; do
        command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
    done
    unshare -rn true 2>/dev/null || { echo "no network namespace to be had"; exit 77; }
    exec unshare -rn "$0" "$peer" inside
fi

there() { nsenter -t "$other" -n "$@"; }

tmp=$(mktemp -d)
unshare -n sleep 600 &
other=$!
trap 'kill $other $radio 2>/dev/null; rm -rf "$tmp"' EXIT
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do :; done
ip link add here type veth peer name there netns "$other" || { echo "no veth"; exit 77; }
ip addr add 10.9.0.1/24 dev here && ip link set here up && ip route add 224.0.0.0/4 dev here || exit 1
there ip addr add 10.9.0.2/24 dev there && there ip link set there up &&
    there ip route add 224.0.0.0/4 dev there || exit 1
until there ip link show there | grep -q 'state UP' && ip link show here | grep -q 'state UP'; do
    :
done

# round PORT LEAST: how many of the hundred messages have to arrive
round() {
    mkfifo "$tmp/said.$1"
    there "$peer" dish "udp://there;239.192.9.1:$1" >"$tmp/said.$1" &
    dish=$!
    exec 3<"$tmp/said.$1"
    read -r word <&3
    [ "$word" = ready ] || return 1
    "$peer" radio "udp://here;239.192.9.1:$1" &
    radio=$!
    read -r count <&3
    wait $dish || return 1
    kill $radio 2>/dev/null
    echo "$count of 100 arrived"
    [ "$count" -ge "$2" ]
}

round 5601 100 || { echo "by a good cable: failed"; exit 1; }
if command -v tc >/dev/null &&
    tc qdisc add dev here root netem delay 5ms 4ms loss 20% reorder 30% 2>/dev/null; then
    round 5602 20 || { echo "by a bad cable: failed"; exit 1; }
else
    echo "no bad cable here"
fi
