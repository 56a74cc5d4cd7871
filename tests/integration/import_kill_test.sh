#!/usr/bin/env bash
# Plan: import a package index while daemon and client are killed with -9 in turn, at random moments; resume each
# time; at the end every account is there once, as its record says, and nothing acknowledged was ever missing.
#
#   tests/integration/import_kill_test.sh [OPTION...]
#
#   --kills N      how often to kill the daemon, and then the client (default 5)
#   --names N      how many packages to generate (default 4000)
#   --seed N       makes index and moments repeatable (default random)
#   --input FILE   import this index instead of a generated one
#   --real         import what apt-cache dumpavail prints
# shellcheck source=tests/integration/harness.sh
. "$(dirname "$0")/harness.sh"
# shellcheck source=tests/integration/generate_index.sh
. "$(dirname "$0")/generate_index.sh"

kills=5 names=4000 seed=$RANDOM input=''
while [ $# -gt 0 ]; do
  case $1 in
    --kills) kills=$2; shift ;;
    --names) names=$2; shift ;;
    --seed) seed=$2; shift ;;
    --input) input=$2; shift ;;
    --real) input=$work/index; apt-cache dumpavail >"$input" ;;
    -h | --help) sed -n '2,/^# shellcheck/{/^# shellcheck/d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "import_kill_test.sh: unknown option '$1'; try --help" >&2; exit 64 ;;
  esac
  shift
done

RANDOM=$seed
say "seed $seed"
if [ -z "$input" ]; then
  input=$work/index
  generate_index "$names" "$seed" >"$input"
fi

index_to_json <"$input" >"$work/all.json"
jq -r '.[0]' "$work/all.json" | sort | uniq -c | awk '{print $2 "\t" $1}' >"$work/times"
cut -f 1 "$work/times" >"$work/names"
records=$(wc -l <"$work/all.json")
say "the index has $records records of $(wc -l <"$work/names") packages"

# A number below $1.
random_below() { echo $(((RANDOM * 32768 + RANDOM) % $1)); }

start_import() {
  acknowledged=$work/acknowledged.$((++runs))
  : >"$acknowledged"
  # Not the function: its shell would be killed in place of shardctl.
  "$bin/shardctl" --endpoints "${daemon_address[main]}" import --format deb822 --namespace debian --retry-for 60s \
    --acknowledged-to "$acknowledged" "$input" >"$work/import.log" 2>&1 &
  import_pid=$!
}

import_reached() {  # LINES
  [ "$(wc -l <"$acknowledged")" -ge "$1" ] || ! is_running "$import_pid"
}

# "id TAB revision" of every account; by id.
list_accounts() {
  shardctl main account list --namespace debian --all -o jsonl | jq -r '[.id, .revision] | @tsv' | sort
}

# Holds what the daemon has against everything that was ever acknowledged. A line that was cut off counts for nothing.
check_acknowledged() {
  cat "$work"/acknowledged.* | jq -rR 'fromjson? | select(.revision) | [.id, .revision] | @tsv' |
    sort -t $'\t' -k 1,1 -k 2,2nr | awk -F '\t' '$1 != last {print; last = $1}' >"$work/promised"
  list_accounts >"$work/held"
  awk -F '\t' '
    NR == FNR { held[$1] = $2; next }
    !($1 in held) { print "acknowledged account " $1 " is missing"; next }
    held[$1] < $2 { print "account " $1 " is at revision " held[$1] "; revision " $2 " was acknowledged" }' \
    "$work/held" "$work/promised" >"$work/lost"
  [ ! -s "$work/lost" ] || fail "$(wc -l <"$work/lost") acknowledged writes are lost: $(head -n 3 "$work/lost")"
}

start_daemon main
runs=0
for ((kill = 1; kill <= kills; ++kill)); do
  start_import
  first=$(random_below $((records * 6 / 10)))
  await 120 "progress of the import" import_reached "$first"
  ended=''; is_running "$import_pid" || ended=' (the import had ended)'
  kill_daemon main
  # The client holds its breath while the daemon is looked at, or it would write again what is missing.
  kill -STOP "$import_pid" 2>/dev/null || true
  say "kill $kill: the daemon, after $(wc -l <"$acknowledged") of this run's acknowledgements$ended"
  start_daemon main
  check_acknowledged
  kill -CONT "$import_pid" 2>/dev/null || true
  await 120 "progress of the import" import_reached $((first + $(random_below $((records - first)))))
  ended=''; is_running "$import_pid" || ended=' (the import had ended)'
  kill_now "$import_pid"
  say "kill $kill: the client, after $(wc -l <"$acknowledged") acknowledgements$ended"
  check_acknowledged
  say "  nothing is missing of $(wc -l <"$work/promised") acknowledged accounts; the daemon holds $(wc -l <"$work/held")"
done

start_import
wait "$import_pid" || fail "the last import failed: $(cat "$work/import.log")"
say "the last run: $(grep -v '^$' "$work/import.log" | tr '\n' ' ')"
check_acknowledged

# The count is exact, also by the way that scripts use.
shardctl main account list --namespace debian --all -o name | sort >"$work/held.names"
expect_same_file "the set of accounts" "$work/held.names" "$work/names"
expect_equal "the number of accounts in status" "$(shardctl main status -o json | jq .accounts)" "$(wc -l <"$work/names")"

# One record is one revision, and only so many were applied as the index has.
join -t $'\t' "$work/held" "$work/times" |
  awk -F '\t' '$2 < 1 || $2 > $3 {print $1 " is at revision " $2 " after " $3 " records"}' >"$work/twice"
[ ! -s "$work/twice" ] || complain "$(wc -l <"$work/twice") effects came twice: $(head -n 3 "$work/twice")"

# Every value of every account.
highest_versions <"$work/all.json" >"$work/expected"
held_by main debian >"$work/exported"
expect_same_file "what the accounts hold" "$work/exported" "$work/expected"

# All entries of an account come from one record: they carry its revision.
for id in $(shuf -n 10 --random-source="$work/expected" "$work/names"); do
  expect_equal "number of revisions in account $id" \
    "$(shardctl main state scan --namespace debian "$id" --all -o json | jq '[.items[].revision] | unique | length')" 1
done

# Once more from the start: nothing changes, in any account.
cp "$work/held" "$work/held.before"
start_import
wait "$import_pid" || fail "the import after the last failed: $(cat "$work/import.log")"
list_accounts >"$work/held"
expect_same_file "the list of accounts after one more import" "$work/held" "$work/held.before"

# And all of it is still there after a stop in good order.
stop_daemon main
start_daemon main
list_accounts >"$work/held"
expect_same_file "the list of accounts after a restart" "$work/held" "$work/held.before"
stop_daemon main
finish
