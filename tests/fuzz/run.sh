#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh TARGET SECONDS: fuzzes one target with libFuzzer, beginning with its corpus.
# run.sh TARGET merge:   takes what earlier runs found into the corpus, as far as it reaches new code.
#
# Needs clang. Builds in build-fuzz/; new inputs go to build-fuzz/found/TARGET, a crash's input to
# build-fuzz/crash/. The exit status is libFuzzer's: 0 when nothing was found.
set -eu

[ $# -eq 2 ] || { echo "usage: $0 TARGET SECONDS|merge" >&2; exit 2; }
target=$1
seconds=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${ZURING_FUZZ_BUILD:-$root/build-fuzz}
corpus=$here/corpus/$target
found=$build/found/$target

[ -d "$corpus" ] || { echo "$0: no target $target; there are:" $(ls "$here/corpus") >&2; exit 2; }

if [ ! -f "$build/build.ninja" ]; then
    CC=${CC:-clang} meson setup "$build" "$root" -Dfuzz=true -Dtests=false -Dbench=false \
        -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args='-fsanitize=fuzzer-no-link -fno-sanitize-recover=all'
fi
ninja -C "$build" "tests/fuzz_$target"
mkdir -p "$found" "$build/crash"

if [ "$seconds" = merge ]; then
    exec "$build/tests/fuzz_$target" -merge=1 "$corpus" "$found"
fi
exec "$build/tests/fuzz_$target" -max_total_time="$seconds" -max_len=4096 -print_final_stats=1 \
    -artifact_prefix="$build/crash/$target." "$found" "$corpus"
