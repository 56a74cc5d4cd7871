#!/usr/bin/env bash
# Plan: run the daemon as an operator does: start, look, misuse, configure its balancer and watch it work, fill its disk
# quota, stop politely and in a hurry; hold exit codes, pages and messages against what the manual says, and the data
# against what was acknowledged.
# shellcheck source=tests/integration/harness.sh
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"

put() { shardctl main state put cart "$1" "$2" --create-account >/dev/null; }
get() { shardctl main state get cart "$1"; }
logged() { grep -q "$1" "$work/main.log"; }
has_ended() { ! is_running "$1"; }
not_ready() { [[ $(http_get "${daemon_http[main]}" /readyz) == 503* ]]; }

# A daemon that is not expected to serve; its log is in $err.
shardd_exits() {  # CODE FLAG...
  expect_exit "$1" timeout 60 "$bin/shardd" --data "$work/other" --listen 127.0.0.1:0 --http-listen 127.0.0.1:0 \
    --log.format json "${@:2}"
  expect_equal "stdout of shardd ${*:2}" "$out" ""
}

pages_answer() {
  local http=${daemon_http[main]} page
  expect_equal /livez "$(http_get "$http" /livez)" "200 ok"
  expect_equal /readyz "$(http_get "$http" /readyz)" "200 ready"
  expect_match "/readyz?verbose" "$(http_get "$http" '/readyz?verbose')" '\[\+\] storage ok'
  expect_match "/nothing" "$(http_get "$http" /nothing)" '^404 '
  page=$(http_get "$http" /metrics)
  expect_match /metrics "$page" 'shardd_build_info\{.*\} 1'
  expect_match /metrics "$page" 'shardd_accounts 1'
  expect_match /metrics "$page" 'shardd_shards\{state="active"\} 4'
  expect_match /metrics "$page" 'grpc_server_handled_total\{[^}]*grpc_method="Apply"[^}]*grpc_code="OK"\} [1-9]'
  expect_match "shardctl status" "$(shardctl main status -o json)" '"verdict": ?"[Hh][Ee][Aa][Ll][Tt][Hh][Yy]"'
  if command -v promtool >/dev/null; then
    promtool check metrics <<<"${page#200 }" >&2 || complain "promtool does not like /metrics"
  fi
}

what_is_held_is_refused() {
  shardd_exits 75 --data "$work/main"
  expect_match "message" "$err" "data folder $work/main is in use"
  shardd_exits 75 --listen "${daemon_address[main]}"
  expect_match "message" "$err" "cannot listen on ${daemon_address[main]}: Address already in use"
  shardd_exits 75 --http-listen "${daemon_http[main]}"
  expect_match "message" "$err" "cannot listen on ${daemon_http[main]}: Address already in use"
  expect_equal "entry after all this" "$(get color)" blue
}

misuse_is_named() {
  local file=$work/shardd.toml
  printf '[server]\nlistn = "127.0.0.1:0"\n' >"$file"
  shardd_exits 78 -c "$file"
  expect_equal "message" "$err" "shardd: unknown key \"server.listn\" ($file, line 2); the nearest is \"server.listen\""
  expect_exit 78 "$bin/shardd" validate -c "$file"
  shardd_exits 78 -c "$work/none.toml"
  shardd_exits 78 --shards 0
  expect_equal "message" "$err" 'shardd: shards.initial is "0" (flag --shards); it must be 1 to 1024'
  shardd_exits 78 --listen 0.0.0.0:0
  expect_match "message" "$err" "server.insecure must be true"
  shardd_exits 64 --lisen 127.0.0.1:0
  expect_match "message" "$err" "the nearest is --listen"
  touch "$work/file"
  shardd_exits 74 --data "$work/file/below"
  printf '[server]\nlisten = "127.0.0.1:0"\n[shards]\ninitial = 2\n' >"$file"
  expect_exit 0 "$bin/shardd" validate -c "$file"
  expect_exit 0 env SHARDD_SHARDS__INITIAL=3 SHARDD_LOG__LEVL=x SHARDD_PORT=tcp://10.0.0.1:1 \
    "$bin/shardd" config --effective -c "$file" --log-level warn -o json
  expect_match "config" "$out" '"shards.initial","value":"3","origin":"env"'
  expect_match "config" "$out" '"server.listen","value":"127.0.0.1:0","origin":"file"'
  expect_match "config" "$out" '"log.level","value":"warn","origin":"flag"'
  expect_equal "warning" "$err" \
    "shardd: warning: unknown variable SHARDD_LOG__LEVL has no effect; the nearest is SHARDD_LOG__LEVEL"
  expect_exit 0 "$bin/shardd" --version -o json
  expect_match "version" "$out" '^\{"version":"[0-9.]+","commit":'
}

# What each option of the balancer is set to, and what the policy in force then says, where that is written otherwise.
declare -A balancing=(
  [enabled]=false [policy]=size [operations_per_second]=1234567.5 [busy_fraction]=0.65 [mailbox_wait]=7ms
  [bytes_per_second]=33MiB [imbalance_max]=1.75 [check_interval]=150ms [merge_age_min]=11m [cool_down]=31s [warm_up]=0s
  [changes_max]=3 [shards_min]=2 [shards_max]=77 [homes_max]=5)
declare -A in_force=([bytes_per_second]=34603008)

# Whether /metrics has such a line.
told() { grep -qxE "$1" <<<"$(http_get "${daemon_http[tuned]}" /metrics)"; }  # REGEX
balancer() { shardctl tuned balancer status -o json | jq -r "$1"; }                 # FILTER
balances_by() { shardctl tuned balancer policy get -o csv | grep -E "^($1)," | xargs; }  # KEYS

# By the file, the environment and flags, a third of the options each.
start_tuned() {
  local file=$work/tuned.toml key number=0 value
  local -a flags=() variables=()
  printf '[balancing]\n' >"$file"
  for key in "${!balancing[@]}"; do
    value=${balancing[$key]}
    case $((number++ % 3)) in
      0) [[ $value =~ ^([0-9.]+|false)$ ]] || value=\"$value\"
        printf '%s = %s\n' "$key" "$value" >>"$file" ;;
      1) variables+=("SHARDD_BALANCING__${key^^}=$value") ;;
      2) flags+=("--balancing.$key=$value") ;;
    esac
  done
  export "${variables[@]}"
  start_daemon tuned -c "$file" "${flags[@]}"
  unset "${variables[@]%%=*}"
}

balancer_obeys_its_options() {
  local key keys said
  local -a flags=()
  keys=$("$bin/shardd" config --effective -o json | jq -r '.settings[].key' | sed -n 's/^balancing\.//p' | sort)
  expect_equal "options of the balancer" "$keys" "$(printf '%s\n' "${!balancing[@]}" | sort)"
  for key in $keys; do flags+=("--balancing.$key=wrong"); done
  shardd_exits 78 "${flags[@]}"
  said=$err
  for key in $keys; do
    expect_match "message" "$said" "balancing.$key is \"wrong\" \(flag --balancing.$key\); it must be [^;]"
  done
  shardd_exits 78 --balancing.imbalance_max 1
  expect_equal "message" "$err" \
    'shardd: balancing.imbalance_max is "1" (flag --balancing.imbalance_max); it must be a number from 1.1 to 1000'
  shardd_exits 78 --balancing.shards_min 9 --balancing.shards_max 8
  expect_equal "message" "$err" "shardd: balancing.shards_min is 9; it must not be above balancing.shards_max, 8"

  start_tuned
  shardctl tuned balancer policy get -o csv >"$work/policy"
  for key in $keys; do
    [ "$key" = enabled ] ||
      expect_equal "$key" "$(sed -n "s/^$key,//p" "$work/policy")" "${in_force[$key]:-${balancing[$key]}}"
  done
  expect_equal "state" "$(balancer '[.state, .policy] | join(" ")')" "off size"
  told 'shardd_balancer_paused 1' || complain "/metrics does not tell that the balancer is off"

  # What is set at run time wins over the options, also after a restart, until it is reset.
  shardctl tuned balancer policy set cool_down=45s bytes_per_second=34603009 >/dev/null
  expect_exit 2 shardctl tuned balancer policy set cool_down=46s imbalance_max=1
  expect_match "message" "$err" 'imbalance_max is 1; it must be from 1.1 to 1000'
  stop_daemon tuned
  start_daemon tuned --balancing.cool_down 47s
  expect_equal "what was set at run time" "$(balances_by 'cool_down|bytes_per_second')" \
    "bytes_per_second,34603009 cool_down,45s"
  shardctl tuned balancer policy reset >/dev/null
  expect_equal "cool_down after a reset" "$(balances_by cool_down)" cool_down,47s
  stop_daemon tuned
}

has_split() { [ "$(balancer .changes_done)" = 1 ]; }

# One split by the balancer, since a shard holds too much, and one by hand; no more shards are allowed.
balancer_is_told_on_metrics() {
  local id
  start_daemon tuned --balancing.check_interval 100ms --balancing.warm_up 0s --balancing.cool_down 0s \
    --balancing.policy size --balancing.shards_max 5 --balancing.homes_max 1
  shardctl tuned namespace create shop >/dev/null
  for id in 1 2 3 4 5 6; do
    head -c 50000 /dev/zero | tr '\0' v | shardctl tuned state put -n shop "$id" k - --create-account >/dev/null
  done
  told 'shardd_operations_ended_total\{kind="split",state="succeeded"\} 0' || complain "a split before there is a reason"
  shardctl tuned balancer policy set shard_bytes_max=200000 own_home_bytes_min=100000 >/dev/null
  await 60 "split by the balancer" has_split
  await 30 "end of the split on /metrics" told 'shardd_operations_ended_total\{kind="split",state="succeeded"\} 1'
  told 'shardd_balancer_decisions_total\{kind="split",reason="too_large"\} [1-9][0-9]*' || complain "no decision on /metrics"
  told 'shardd_balancer_decisions_total\{kind="nothing",reason="[a-z_]+"\} [1-9][0-9]*' ||
    complain "no decision of nothing on /metrics"
  told 'shardd_shards\{state="active"\} 5' || complain "/metrics does not tell of five shards"
  expect_match "last change" "$(balancer .last_change)" 'bytes stored: split'
  expect_equal "changes" "$(balancer '[.changes_done, .changes_failed] | join(" ")')" "1 0"

  told 'shardd_balancer_paused 0' || complain "a pause before there is one"
  shardctl tuned balancer pause --for 1h >/dev/null
  told 'shardd_balancer_paused 1' || complain "a pause is not on /metrics"
  shardctl tuned shard split s-0001 --at 20000000000000000000000000000000 --wait --yes >/dev/null
  told 'shardd_operations_ended_total\{kind="split",state="succeeded"\} 2' || complain "a split is not on /metrics"
  shardctl tuned balancer resume >/dev/null
  told 'shardd_balancer_paused 0' || complain "the end of a pause is not on /metrics"
  expect_equal "changes" "$(balancer '[.changes_done, .changes_failed] | join(" ")')" "1 0"
  stop_daemon tuned
}

stops_politely() {
  kill -HUP "${daemon_pid[main]}"  # there is no reload, and it must not end the daemon
  stop_daemon main
  grep -q '"msg":"stopped"' "$work/main.log" || complain "the daemon did not say that it stopped"
  start_daemon main
  expect_equal "entry after a stop" "$(get color)" blue
}

# While it waits for load balancers it says "not ready" and serves; a second signal ends the wait, not the sync.
stops_in_a_hurry() {
  local pid
  stop_daemon main
  start_daemon main --drain.wait 10m
  pid=${daemon_pid[main]}
  kill -TERM "$pid"
  await 30 "/readyz of 503" not_ready
  expect_equal /livez "$(http_get "${daemon_http[main]}" /livez)" "200 ok"
  put late green
  kill -TERM "$pid"
  await 30 "end of the daemon" has_ended "$pid"
  expect_exit 0 wait_for "$pid"
  start_daemon main
  expect_equal "entry written during the wait" "$(get late)" green
}

wait_for() { wait "$1"; }

# The log may grow no further: a write fails, the daemon ends at once, and the next start has what was acknowledged.
ends_when_storage_fails() {
  local value number=0 code=0 acknowledged=0 pid
  value=$(head -c 100000 /dev/zero | tr '\0' v)
  stop_daemon main
  start_limited 2048
  pid=${daemon_pid[main]}
  while is_running "$pid" && [ $number -lt 100 ]; do
    number=$((number + 1))
    shardctl main --timeout 5s state put cart "key-$number" "$value" >/dev/null 2>&1 || break
    acknowledged=$number
  done
  await 30 "end of the daemon" has_ended "$pid"
  wait "$pid" || code=$?
  expect_equal "exit code after a failed write" "$code" 71
  logged '"msg":"storage failed' || complain "the log does not say that storage failed"
  [ "$acknowledged" -gt 0 ] || complain "nothing was acknowledged before storage failed"
  start_daemon main
  for number in $(seq "$acknowledged"); do
    expect_equal "size of key-$number" "$(get "key-$number" | wc -c)" $((${#value} + 1))
  done
}

# With files of at most so many KiB; the signal that would end the process becomes an error of the write.
start_limited() {  # KIB
  local programs=$bin
  mkdir -p "$work/limited"
  printf '#!/usr/bin/env bash\ntrap "" XFSZ\nulimit -f %s\nexec "%s/shardd" "$@"\n' "$1" "$programs" >"$work/limited/shardd"
  chmod +x "$work/limited/shardd"
  bin=$work/limited
  start_daemon main
  bin=$programs
}

dev_leaves_nothing_behind() {
  local pid temporary=$work/tmp
  mkdir "$temporary"
  : >"$work/dev.log"
  TMPDIR=$temporary "$bin/shardd" --dev --listen 127.0.0.1:0 --http-listen= --log.format json \
    >"$work/dev.out" 2>"$work/dev.log" &
  pid=$!
  await 60 "listening daemon" listens_or_ended "$work/dev.log" "$pid"
  expect_match "log" "$(cat "$work/dev.log")" '"http":"off".*"shards":8'
  expect_equal "number of commands to try" "$(grep -c '^  shardctl --endpoints' "$work/dev.log")" 3
  expect_equal "number of data folders" "$(find "$temporary" -mindepth 1 -maxdepth 1 | wc -l)" 1
  kill -INT "$pid"
  expect_exit 0 wait_for "$pid"
  expect_equal "what is left" "$(ls "$temporary")" ""
  expect_equal "stdout" "$(cat "$work/dev.out")" ""
}

start_daemon main
put color blue
pages_answer
what_is_held_is_refused
misuse_is_named
balancer_obeys_its_options
balancer_is_told_on_metrics
stops_politely
stops_in_a_hurry
ends_when_storage_fails
dev_leaves_nothing_behind
stop_daemon main
finish
