#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# exec_test.sh ZURING PROGRAM-WITH-ANOTHER-LIBZMQ PROGRAM-WITH-LIBZMQ-INSIDE
#
# `zuring exec`: what it starts runs with zuring, or is told not to; the status is env(1)'s.
zuring=$1 renamed=$2 inside=$3
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
failed=0

# expect WHAT STATUS OUTPUT ERROR-PATTERN COMMAND...
expect() {
    what=$1 status=$2 output=$3 pattern=$4
    shift 4
    seen=$("$@" 2>"$tmp/err")
    rc=$?
    if [ -n "$pattern" ]; then
        grep -q -e "$pattern" "$tmp/err"
    else
        [ ! -s "$tmp/err" ]
    fi
    if [ $? != 0 ] || [ "$rc" != "$status" ] || [ "$seen" != "$output" ]; then
        echo "$what: status $rc, output '$seen', errors '$(cat "$tmp/err")'"
        failed=1
    fi
}

unset ZURING_DROPIN LD_PRELOAD LD_LIBRARY_PATH
expect "without zuring" 1 "1.1.1" "" "$renamed"
expect "another name" 7 "4.3.5 [a b] [-c]" "" "$zuring" exec -- "$renamed" "a b" -c
expect "without --" 7 "4.3.5" "" "$zuring" exec "$renamed"
expect "linked in" 1 "1.1.1" "has libzmq linked into itself" "$zuring" exec -- "$inside"

printf '#!%s\n' "$inside" >"$tmp/script"
chmod +x "$tmp/script"
expect "a script" 1 "1.1.1 [$tmp/script]" "$inside has libzmq" "$zuring" exec -- "$tmp/script"
printf '#!/usr/bin/env -S A=b %s\n' "$renamed" >"$tmp/script"
expect "env" 7 "4.3.5 [$tmp/script]" "" "$zuring" exec -- "$tmp/script"
cp "$renamed" "$tmp/set-id"
if chgrp 12345 "$tmp/set-id" 2>/dev/null; then # only root can give a file to another group
    chmod 2755 "$tmp/set-id"
    "$zuring" exec -- "$tmp/set-id" >/dev/null 2>"$tmp/err"
    grep -q "other rights than yours" "$tmp/err" || { echo "set-group-id: not told"; failed=1; }
fi

: >"$tmp/file"
expect "no such program" 127 "" "No such file" "$zuring" exec -- "$tmp/nothing"
expect "not in the path" 127 "" "No such file" "$zuring" exec -- no-such-program-here
expect "no program" 126 "" "Permission denied" "$zuring" exec -- "$tmp/file"
expect "no drop-in" 125 "" "ZURING_DROPIN is /nowhere" \
    env ZURING_DROPIN=/nowhere "$zuring" exec -- "$renamed"
expect "nothing to do" 125 "" "exec what" "$zuring" exec
expect "no command" 125 "" "no command bogus" "$zuring" bogus
expect "version" 0 "zuring 0.1.0, in place of libzmq 4.3.5" "" "$zuring" version
[ "$(ZURING_BACKEND=readiness "$zuring" backend | head -1)" = readiness ] ||
    { echo "backend: not what was asked for"; failed=1; }
exit $failed
