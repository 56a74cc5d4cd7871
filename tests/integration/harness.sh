# shellcheck shell=bash
# What the integration tests share: a folder of their own, daemons on free ports, waiting without sleeping
# blindly, and expectations that are counted. Sourced by each test.
#
# The programs under test are in $SHARDD_BIN, or in the release build.
set -euo pipefail
export LC_ALL=C.UTF-8

bin=$(realpath "${SHARDD_BIN:-$(dirname "${BASH_SOURCE[0]}")/../../build/release/bin}")
work=$(mktemp -d)
failures=0
# Not the daemon's, which warns of names it does not know.
unset SHARDD_BIN

# By name of the daemon.
declare -A daemon_pid=() daemon_address=() daemon_http=()

say() { printf '%s %s\n' "$(date +%T)" "$*"; }

# Ends the test at once.
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  tail -n 20 "$work"/*.log "$work"/*.log.before >&2 2>/dev/null || true
  exit 1
}

# Counts a failure; the test goes on.
complain() {
  printf 'FAILED: %s\n' "$*" >&2
  failures=$((failures + 1))
}

expect_equal() {  # WHAT ACTUAL EXPECTED
  [ "$2" = "$3" ] || complain "$1 is '$2'; it must be '$3'"
}

expect_match() {  # WHAT ACTUAL REGEX
  [[ $2 =~ $3 ]] || complain "$1 is '$2'; it must match $3"
}

expect_same_file() {  # WHAT ACTUAL EXPECTED
  cmp -s "$2" "$3" || complain "$1 differs: $(diff "$2" "$3" | head -n 6 | cut -c 1-300)"
}

# Runs a command whose exit code matters. Its output is left in $out and $err.
# shellcheck disable=SC2034
expect_exit() {  # CODE COMMAND...
  local code=0
  "${@:2}" >"$work/out" 2>"$work/err" </dev/null || code=$?
  out=$(tr -d '\0' <"$work/out") err=$(tr -d '\0' <"$work/err")
  [ "$code" = "$1" ] || complain "exit code of '${*:2}' is $code; it must be $1 ($(head -c 300 "$work/err"))"
}

# The closing line, and the exit code that goes with it.
finish() {
  [ "$failures" = 0 ] || fail "$failures expectations did not hold"
  say "all expectations held"
}

# Polls until a command succeeds; fails after so many seconds.
await() {  # SECONDS WHAT COMMAND...
  local deadline=$((SECONDS + $1))
  until "${@:3}"; do
    [ $SECONDS -lt $deadline ] || fail "no $2 within $1 s"
    sleep 0.02
  done
}

is_running() { kill -0 "$1" 2>/dev/null; }

# Kills a child of this shell and waits for its end.
kill_now() {  # PID
  kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# The string at KEY in a line of the log.
logged_value() { grep -o "\"$1\":\"[^\"]*" <<<"$2" | cut -d '"' -f 4; }  # KEY LINE

listens_or_ended() { grep -q '"msg":"listening"' "$1" || ! is_running "$2"; }

# Starts the daemon NAME on free ports, or on those it had before, with its data in $work/NAME. What it says is in
# $work/NAME.log; what it said in earlier runs is in $work/NAME.log.before.
start_daemon() {  # NAME [FLAG...]
  local name=$1 log=$work/$1.log line
  if [ -f "$log" ]; then cat "$log" >>"$log.before"; fi
  : >"$log"
  "$bin/shardd" --data "$work/$name" --listen "${daemon_address[$name]:-127.0.0.1:0}" \
    --http-listen "${daemon_http[$name]:-127.0.0.1:0}" --drain.wait 0s --log.format json "${@:2}" \
    >"$log" 2>&1 &
  daemon_pid[$name]=$!
  await 60 "listening daemon $name" listens_or_ended "$log" $!
  line=$(grep '"msg":"listening"' "$log") || fail "daemon $name did not start"
  daemon_address[$name]=$(logged_value grpc "$line")
  daemon_http[$name]=$(logged_value http "$line")
}

kill_daemon() { kill_now "${daemon_pid[$1]}"; unset "daemon_pid[$1]"; }

# Stops a daemon in good order; it must end well.
stop_daemon() {  # NAME
  local code=0
  kill -TERM "${daemon_pid[$1]}"
  wait "${daemon_pid[$1]}" || code=$?
  unset "daemon_pid[$1]"
  expect_equal "exit code of daemon $1" "$code" 0
}

# For no longer than any command should take.
shardctl() {  # NAME ARGUMENT...
  timeout --foreground 120 "$bin/shardctl" --endpoints "${daemon_address[$1]}" "${@:2}"
}

# The answer's status code and body, as "CODE BODY".
http_get() {  # ADDRESS PATH
  local answer
  exec 3<>"/dev/tcp/${1%:*}/${1##*:}" || { echo "no connection"; return; }
  printf 'GET %s HTTP/1.1\r\nHost: x\r\n\r\n' "$2" >&3
  answer=$(tr -d '\r' <&3)
  exec 3>&-
  printf '%s %s' "$(sed -n '1s/HTTP[^ ]* \([0-9]*\).*/\1/p' <<<"$answer")" "$(sed '1,/^$/d' <<<"$answer")"
}

cleanup() {
  local pid
  for pid in $(jobs -p); do kill_now "$pid"; done
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Debian package index to JSON: one array [id, version, {field: value}] for each record, in order. Written apart
# from what import does, so that the two can be held against each other.
index_to_json() {
  awk '
    function quoted(text) {
      gsub(/[\\"]/, "\\\\&", text); gsub(/\t/, "\\t", text)
      return "\"" text "\""
    }
    function end_field() {
      if (field != "") entries = entries (entries == "" ? "" : ",") quoted(field) ":" value "\""
      field = ""
    }
    function end_record() {
      end_field()
      if (entries != "") print "[" quoted(id) "," quoted(version) ",{" entries "}]"
      entries = ""
    }
    /^$/ { end_record(); next }
    /^[ \t]/ { line = quoted($0); value = value "\\n" substr(line, 2, length(line) - 2); next }
    {
      end_field()
      colon = index($0, ":")
      field = substr($0, 1, colon - 1)
      text = substr($0, colon + 1)
      sub(/^ /, "", text)
      if (field == "Package") id = text
      if (field == "Version") version = text
      value = quoted(text)
      value = substr(value, 1, length(value) - 1)
    }
    END { end_record() }'
}

# Of records as index_to_json writes them, the highest version of each id as [id, {field: value}], sorted.
highest_versions() {
  local records=$work/records number id version
  local -A best=() best_version=()
  cat >"$records"
  jq -r '.[0]' "$records" | sort | uniq -d >"$records.ids"
  # Few: each costs a call of dpkg.
  jq -c --rawfile ids "$records.ids" \
    '($ids | split("\n") | map({(.): true}) | add) as $several | select($several[.[0]])' "$records" >"$records.several"
  while IFS=$'\t' read -r number id version; do
    if [ -z "${best[$id]:-}" ] || dpkg --compare-versions "$version" gt "${best_version[$id]}"; then
      best[$id]=$number best_version[$id]=$version
    fi
  done < <(jq -r '[input_line_number, .[0], .[1]] | @tsv' "$records.several")
  {
    jq -c --rawfile ids "$records.ids" \
      '($ids | split("\n") | map({(.): true}) | add) as $several | select($several[.[0]] | not)' "$records"
    awk 'NR == FNR { wanted[$1]; next } FNR in wanted' <(printf '%s\n' "${best[@]:-0}") "$records.several"
  } | jq -cS '[.[0], .[2]]' | sort
}

# What a daemon holds, in the same shape.
held_by() {  # NAME NAMESPACE
  shardctl "$1" export --namespace "$2" 2>"$work/export.log" | jq -cS '[.id, .entries]' | sort
}
