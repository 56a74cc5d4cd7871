#!/usr/bin/env bash
# Plan: a disk that does not answer is named as such, with the thread that waits for it, and the write that waited is
# not lost; under full load nothing is said to be stalled.
#
#   STALL_SECONDS=600 tests/integration/stall_test.sh    the long run, on a machine with nothing else to do
# shellcheck source=tests/integration/harness.sh
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"

seconds=${STALL_SECONDS:-5}
# From the write to the event, where time is measured at all: in the long run.
named_within=3
disk=$work/disk
touch "$disk"

# The events of a kind, as JSON.
events() { grep "\"event\":\"$1\"" "$work/events"; }
worker_stalls() { events stalled | grep -q '"role":"worker"'; }
worker_recovers() { events recovered | grep -q '"role":"worker"'; }
# So far, as the daemon counts them.
stalls() { http_get "${daemon_http[main]}" /metrics | awk '/^shardd_thread_stalls_total/ {n += $NF} END {print n + 0}'; }

put() { shardctl main state put cart "$1" "$2" --create-account >/dev/null; }

# The daemon alone has the slow disk; a sanitizer's library would have to come first.
LD_PRELOAD=$bin/libslow_storage.so SLOW_STORAGE=$disk ASAN_OPTIONS=verify_asan_link_order=0 start_daemon main
# For as long as the load lasts, unlike the harness's shardctl.
"$bin/shardctl" --endpoints "${daemon_address[main]}" thread watch --from-revision 1 -o jsonl >"$work/events" &
watch=$!
await 60 "events" events started >/dev/null

say "full load for $seconds s"
"$bin/reshard_load" --endpoint "${daemon_address[main]}" --seconds "$seconds" --changes 0 --moves 0 >"$work/out" ||
  complain "the load saw errors or wrong values"
say "$(cat "$work/out") seconds=$seconds stalls=$(stalls)"
expect_equal "stalls under load" "$(stalls)" 0

is_running $watch || fail "the watch of the threads ended by itself"
say "a disk that does not answer"
put color blue
exec {lock}<"$disk"
flock "$lock"
since=$EPOCHREALTIME
put color green &
writer=$!
await 60 "stalled worker" worker_stalls
took=$(jq -n "$EPOCHREALTIME - $since | . * 100 | round / 100")
event=$(events stalled | grep '"role":"worker"' | head -n 1)
say "named after $took s: $(jq -r .message <<<"$event")"
expect_match "phase" "$(jq -r .phase <<<"$event")" '^(committing|syncing)$'
expect_equal "state" "$(shardctl main thread get "$(jq -r .thread <<<"$event")" -o json | jq -r .state)" stalled
expect_match "status" "$(shardctl main status)" 'thread worker/.* \(cause: storage\)'
is_running $writer || complain "a write was answered before it was stored"
flock --unlock "$lock"
await 60 "recovery" worker_recovers
wait $writer || complain "the write failed"
expect_equal "the entry" "$(shardctl main state get cart color)" green
# Others wait for the disk too, or for the one that does.
expect_equal "causes" "$(events stalled | jq -r .cause | sort -u | grep -vx other_thread)" storage
if [ "$seconds" -ge 600 ]; then expect_equal "named within $named_within s" "$(jq -n "$took <= $named_within")" true; fi

kill_now $watch
stop_daemon main
finish
