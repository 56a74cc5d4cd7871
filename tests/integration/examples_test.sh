#!/usr/bin/env bash
# Plan: run the examples in other languages against a daemon, each with stubs made from proto/. One whose language is not
# installed is left out, and said so.
# shellcheck source=tests/integration/harness.sh
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"

examples=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../client/examples")

run_example() {  # LANGUAGE
  expect_exit 0 timeout --foreground 120 "$examples/$1/run" "${daemon_address[main]}"
  expect_equal "the last line of the example in $1" "$(tail -n 1 <<<"$out")" "all as it should be"
}

start_daemon main --shards 4
run_example python
if command -v npm >/dev/null; then run_example node; else say "no npm: the example for Node is not run"; fi

# What is wrong with it makes an example fail: nobody listens here.
stop_daemon main
expect_exit 1 timeout --foreground 120 "$examples/python/run" "${daemon_address[main]}"
finish
