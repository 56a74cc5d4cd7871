#!/usr/bin/env bash
# Plan: run the example deploy/examples/reverse-depends on a small index, in peace and with kills, splits and merges: every
# count, and every undeliverable message, is the right one. Then with a right answer that is wrong: it must say so.
# shellcheck source=tests/integration/harness.sh
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"

root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
example=deploy/examples/reverse-depends

# Each package depends on some of those before it, on a virtual one, and on one with alternatives, in two fields.
for ((i = 1; i <= 300; ++i)); do
  printf 'Package: p%d\nVersion: 1\nDepends: p%d (>= 1), p%d:any, mail-agent, p%d | none,\n p%d (<< 2)\nPre-Depends: p%d\n\n' \
    "$i" $((i / 2)) $((i / 3 + 1)) $((i % 7 + 1)) $((i / 2)) $((i % 11 + 1))
done >"$work/index"

expect_exit 0 timeout --foreground 120 "$root/$example/run" --index "$work/index" --bin "$bin"
expect_match "the result" "$out" '^packages=300 .* kills=0 daemon_kills=0 changes=0 difference=0 '
expect_exit 0 timeout --foreground 120 "$root/$example/run" --index "$work/index" --bin "$bin" --kills 4 --changes 4 --seed 2
expect_match "the result with kills and changes" "$out" 'kills=4 daemon_kills=2 changes=4 difference=0 '

mkdir -p "$work/tree/deploy/examples"
cp -r "$root/$example" "$work/tree/$example"
ln -s "$root/proto" "$work/tree/proto"
sed -i 's/++count\[name\]/count[name] += (name == "p1") ? 2 : 1/' "$work/tree/$example/count.awk"
expect_exit 1 timeout --foreground 120 "$work/tree/$example/run" --index "$work/index" --bin "$bin"
expect_match "the result with a wrong answer" "$out" ' difference=2 '
finish
