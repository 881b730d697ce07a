#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# coverage.sh TARGET SOURCE...: which lines of the sources the target's corpus reaches. SOURCE is the
# parser, seen from the root (engine/wire/frame.c); every file that it includes is counted as well.
# With -v in the place of the first argument the lines themselves are shown.
#
# Needs clang, llvm-profdata and llvm-cov of one version (LLVM=-14 names them).
set -eu

verbose=
[ "${1-}" = -v ] && { verbose=1; shift; }
[ $# -ge 2 ] || { echo "usage: $0 [-v] TARGET SOURCE..." >&2; exit 2; }
target=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
llvm=${LLVM--14}
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

clang -std=c17 -D_GNU_SOURCE -g -O0 -I. -Iinclude -fprofile-instr-generate -fcoverage-mapping \
    -o "$work/replay" "tests/fuzz/${target}_fuzz.c" tests/fuzz_replay.c "$@" ${LIBS-}
LLVM_PROFILE_FILE=$work/raw "$work/replay" "tests/fuzz/corpus/$target"
"llvm-profdata$llvm" merge -o "$work/profile" "$work/raw"
if [ "$verbose" ]; then
    "llvm-cov$llvm" show "$work/replay" -instr-profile="$work/profile" "$@"
else
    "llvm-cov$llvm" report "$work/replay" -instr-profile="$work/profile" \
        -ignore-filename-regex='tests/'
fi
