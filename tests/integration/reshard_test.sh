#!/usr/bin/env bash
# Writes go on, over sessions and single calls, while shards are split, merged and moved to other homes: nobody sees
# an error, and every value is there in the end. Then the same while the daemon is killed every few seconds.
#
#   RESHARD_SECONDS=60 RESHARD_CHANGES=200 RESHARD_MOVES=20 tests/integration/reshard_test.sh    the long run
set -euo pipefail
# shellcheck source=tests/integration/harness.sh
. "$(dirname "$0")/harness.sh"

seconds=${RESHARD_SECONDS:-6}
changes=${RESHARD_CHANGES:-30}
moves=${RESHARD_MOVES:-4}
kill_every=${RESHARD_KILL_EVERY:-2}
# A moving shard takes the outcomes of all requests along. Written to without a rest, it grows as fast as it may be
# copied beside that load.
load() {  # NAME OPTION...
  "$bin/reshard_load" --endpoint "${daemon_address[$1]}" --seconds "$seconds" --changes "$changes" --moves "$moves" \
    --rate 3000 "${@:2}"
}

say "$changes splits and merges and $moves moves in $seconds s"
start_daemon calm
load calm >"$work/out" || complain "the load saw errors or wrong values"
say "$(cat "$work/out")"
stop_daemon calm
# What is stored says the same after a restart.
start_daemon calm
stop_daemon calm

say "the same, with a kill every $kill_every s"
start_daemon killed
load killed --kills >"$work/out" &
load=$!
kills=0
while is_running "$load"; do
  sleep "$kill_every"
  is_running "$load" || break
  kill_daemon killed
  start_daemon killed
  kills=$((kills + 1))
  # The longest it may take: then something hangs.
  [ $kills -lt 200 ] || fail "the load does not end"
  [ $((kills * kill_every)) -lt "$seconds" ] || break
done
wait "$load" || complain "the load saw wrong values"
say "$(cat "$work/out") kills=$kills"
stop_daemon killed
finish
