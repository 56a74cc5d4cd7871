#!/usr/bin/env bash
# Plan: replay a recorded load, an hour of Debian's package index under Zipf's law as tests/bench/balance makes it: the
# planner of today does what the daemon did then, spreads the load in a few splits, merges nothing while it lasts, and
# leaves half an hour of steady load alone.
# shellcheck source=tests/integration/harness.sh
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"

replay=$work/replay.json
gunzip -c "$(dirname "${BASH_SOURCE[0]}")/zipf_load.trace.gz" | "$bin/shardctl" balancer replay - -o json >"$replay"
say "$(jq -c 'del(.items)' "$replay")"
ask() { jq -r "$1" "$replay"; }

expect_equal "changes that only the daemon made" "$(ask '.did_change - (.items | map(select(.did)) | length)')" 0
expect_equal "changes that only the planner would make" "$(ask '.items | map(select(.did | not)) | length')" 0
expect_equal "changes but splits" "$(ask '.items | map(.kind) - ["split", "isolate_account"] | length')" 0
expect_equal "changes are a few" "$(ask '.would_change | . >= 3 and . <= 8')" true
expect_equal "half an hour without a change" \
  "$(ask '[.last_round, .items[-1].time] | map(sub("\\..*"; "Z") | fromdate) | .[0] - .[1] >= 1800')" true
finish
