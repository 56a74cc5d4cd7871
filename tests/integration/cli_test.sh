#!/usr/bin/env bash
# Plan: give every command of shardctl to a real daemon, with good and bad arguments: what scripts rely on must be
# there (names, exit codes, one JSON document on standard output, page tokens that outlive the daemon).
# shellcheck source=tests/integration/harness.sh
. "$(dirname "$0")/harness.sh"

ctl() { shardctl main "$@"; }

# A command that works and prints one JSON document, which is left in $json; FILTER must hold for it.
expect_json() {  # FILTER COMMAND...
  local filter=$1
  shift
  expect_exit 0 ctl "$@" -o json
  json=$out
  [ "$(jq -s length <<<"$json" 2>/dev/null)" = 1 ] || { complain "'$*' does not print one JSON document: ${json:0:200}"; return; }
  jq -e '.schema_version and .kind' <<<"$json" >/dev/null || complain "the JSON of '$*' has no schema_version or kind"
  jq -e "$filter" <<<"$json" >/dev/null || complain "'$filter' does not hold for '$*': ${json:0:600}"
}

# A command that fails: nothing but the reason, and that on standard error.
expect_error() {  # CODE REGEX COMMAND...
  expect_exit "$1" ctl "${@:3}"
  expect_equal "standard output of '${*:3}'" "$out" ""
  expect_match "standard error of '${*:3}'" "$err" "$2"
}

# Names that scripts rely on, letter by letter.
names_that_scripts_rely_on() {
  local i
  expect_exit 0 ctl namespace create names
  for i in 1 2 3; do expect_exit 0 ctl state put --namespace names "id-$i" color "blue $i" --create-account; done
  expect_equal "account list" "$("$bin/shardctl" --endpoints "${daemon_address[main]}" account list --namespace names \
    --all -o name | sort | tr '\n' ' ')" "id-1 id-2 id-3 "
  expect_equal "state get" "$(ctl state get --namespace names id-2 color)" "blue 2"
  expect_match "shard list" "$(ctl shard list -o name | tr '\n' ' ')" '^(s-[0-9]+ ){4}$'
  expect_json '.verdict == "healthy" and .shards == 4 and .epoch == 1 and .accounts >= 3' status
  # The environment names the daemon as well as a flag does.
  expect_equal "account list by environment" \
    "$(SHARDCTL_ENDPOINTS=${daemon_address[main]} "$bin/shardctl" account list --namespace names --all -o name | wc -l)" 3
}

accounts_and_namespaces() {
  expect_json '.name == "shop" and .state == "active"' namespace create shop
  expect_error 5 'NAMESPACE_EXISTS' namespace create shop
  expect_error 2 'INVALID_FIELD' namespace create SHOP
  expect_json '.name == "shop"' namespace get shop
  expect_error 4 'NAMESPACE_NOT_FOUND' namespace get nowhere
  expect_json '[.items[].name] | index("shop")' namespace list --all
  expect_json '.id == "cart" and .revision == 1 and .labels.tier == "gold"' account create -n shop cart --label tier=gold
  expect_error 5 'ACCOUNT_EXISTS' account create -n shop cart
  expect_error 4 'NAMESPACE_NOT_FOUND' account create -n nowhere cart
  expect_error 2 'INVALID_FIELD' account create -n shop ''
  expect_error 2 'INVALID_FIELD' account create -n shop "$(printf '%0257d' 0)"
  expect_json '.id == "cart" and .state == "active" and .entries == 0' account get -n shop cart
  expect_error 4 'ACCOUNT_NOT_FOUND' account get -n shop nobody
  expect_json '.state == "frozen" and .revision == 2' account update -n shop cart --state frozen
  expect_error 5 'ACCOUNT_FROZEN' state put -n shop cart color blue
  expect_json '.state == "active"' account update -n shop cart --state active
  expect_error 5 'the account is at revision 3, not 1' account update -n shop cart --clear-labels --expected-revision 1
  expect_json '.labels == {}' account update -n shop cart --clear-labels --expected-revision 3
  expect_error 2 'nothing to change' account update -n shop cart
  expect_error 2 'needs --yes' account delete -n shop cart
  expect_json '.id == "cart" and .revision == 5' account delete -n shop cart --yes
  expect_error 4 'ACCOUNT_NOT_FOUND' account get -n shop cart
  expect_json '.items == []' account list -n shop
  # Without a namespace an account is its own.
  expect_json '.namespace == "" and .id == "alone"' account create alone
  expect_json '.id == "alone"' account get alone
}

state() {
  expect_json '.revision == 1 and .replayed == false' state put -n shop s a 1 --create-account --request-id r-1
  expect_json '.revision == 1 and .replayed == true' state put -n shop s a 1 --create-account --request-id r-1
  expect_error 2 'REQUEST_ID_REUSED' state put -n shop s a 2 --request-id r-1
  expect_error 4 'ACCOUNT_NOT_FOUND' state put -n shop nobody a 1
  expect_error 2 'ENTRY_TOO_LARGE' state put -n shop s "$(printf '%01025d' 0)" 1
  expect_json '.revision == 2' state apply -n shop s --if-value a=1 --if-absent b --put b=2 --add n=5 --append t=x
  expect_error 5 'PRECONDITION' state apply -n shop s --if-value a=2 --put a=3
  expect_error 5 'PRECONDITION' state apply -n shop s --if-absent a --put a=3
  expect_error 5 'PRECONDITION' state apply -n shop s --if-exists nothing --put a=3
  expect_error 5 'PRECONDITION' state apply -n shop s --if-revision a=2 --put a=3
  expect_error 5 'PRECONDITION' state apply -n shop s --if-account-revision 1 --put a=3
  expect_json '.revision == 3' state apply -n shop s --if-account-revision 2 --if-revision a=1 --add n=-7 --append t=y
  expect_equal "integer after adding" "$(ctl state get -n shop s n)" -2
  expect_equal "text after appending" "$(ctl state get -n shop s t)" xy
  expect_json '[.items[] | [.key, .value, .revision]] == [["a", "1", 1], ["t", "xy", 3]]' state get -n shop s a t
  expect_error 4 'no entry nothing' state get -n shop s nothing
  expect_error 4 'ACCOUNT_NOT_FOUND' state get -n shop nobody a
  printf 'bytes\0\377' | ctl state put -n shop s raw - >/dev/null
  expect_equal "bytes from standard input" "$(ctl state get -n shop s raw | od -An -tx1)" " 62 79 74 65 73 00 ff 0a"
  expect_json '[.items[].key] == ["a", "b", "n", "raw", "t"]' state scan -n shop s
  expect_json '[.items[].key] == ["t", "raw"]' state scan -n shop s --reverse --limit 2
  expect_json '[.items[].key] == ["b", "n"]' state scan -n shop s --start b --end raw
  expect_json '[.items[].key] == ["raw"] and .items[0].value == ""' state scan -n shop s --prefix ra --keys-only
  expect_json '.revision' state delete -n shop s a b
  expect_json '.revision' state delete -n shop s --prefix t
  expect_error 2 'say what to delete' state delete -n shop s
  expect_error 2 'needs --yes' state delete -n shop s --all
  expect_json '.revision' state delete -n shop s --all --yes
  expect_json '.items == []' state scan -n shop s
}

shards_routes_threads_operations() {
  local shard
  expect_json '.items | length == 4 and all(.state == "active")' shard list
  shard=$(ctl shard list -o name | head -n 1)
  expect_json ".id == \"$shard\" and (.start | test(\"^0+$\"))" shard get "$shard"
  expect_error 4 'SHARD_NOT_FOUND' shard get s-9999
  expect_error 2 'INVALID_FIELD' shard get nonsense
  expect_json '.epoch == 1 and (.items | length == 4)' route map
  expect_error 5 'EPOCH_COMPACTED' route map --epoch 77
  expect_json '.shard and .epoch == 1 and (.routing_key | length == 32)' route get -n shop s
  expect_json ".shard == \"$shard\"" route get --shard "$shard"
  expect_json ".shard == \"$shard\"" route get --routing-key 00000000000000000000000000000000
  expect_error 2 'one of' route get
  expect_error 2 '32 hexadecimal' route get --routing-key 00
  expect_json '.items | length >= 4' thread list
  expect_json '.id and .role' thread get "$(ctl thread list -o name | head -n 1)"
  expect_error 4 'THREAD_NOT_FOUND' thread get t-9999
  expect_json '[.items[] | select(.role == "external")] | length > 0' thread list --all
  expect_json '[.items[] | select(.role == "worker") | .answered and (.frames | length > 0)] | length == 4 and all' thread stack
  expect_json '.items | length >= 4 and all(.cpu_ratio != null)' thread top --once --interval 200ms
  expect_exit 0 ctl thread watch --from-revision 1 --count 1 -o jsonl
  expect_equal "the first thread event" "$(jq -r '[.revision, .event, .name] | join(" ")' <<<"$out")" "1 started main"
  expect_error 5 'REVISION_COMPACTED' thread watch --from-revision 999999
  # Refused by the operation, since only the shards know what is there.
  expect_error 5 'NAMESPACE_NOT_EMPTY' namespace delete names --yes
  expect_exit 5 ctl operation wait "$(ctl operation list -o name)" -o json
  expect_equal "reason of the failed operation" "$(jq -r .error_reason <<<"$out")" NAMESPACE_NOT_EMPTY
  expect_equal "accounts that are still there" "$(ctl account list -n names --all -o name | wc -l)" 3
  expect_json '.kind and .id and .target == "names"' namespace delete names --delete-accounts --yes --no-wait
  expect_json '.state == "succeeded"' operation wait "$(jq -r .id <<<"$json")" --for 30s
  expect_json ".id == $(jq .id <<<"$json")" operation get "$(jq -r .id <<<"$json")"
  expect_json '[.items[].state] == ["succeeded", "failed"]' operation list
  expect_error 4 'OPERATION_NOT_FOUND' operation get op-9999
  expect_error 5 'OPERATION' operation cancel "$(ctl operation list -o name | head -n 1)"
  expect_error 4 'NAMESPACE_NOT_FOUND' account list -n names
  expect_exit 0 ctl namespace create brief
  expect_json '.kind == "delete_namespace" and .target == "brief" and .state == "succeeded"' namespace delete brief --yes
}

watches() {
  expect_exit 0 ctl state put -n shop w k 1 --create-account
  expect_exit 0 ctl state put -n shop w k 2
  expect_exit 0 ctl watch -n shop w --from-revision 1 --count 2 -o jsonl
  expect_equal "watched changes" "$(jq -r '[.revision, .change, .value // ""] | join(" ")' <<<"$out" | tr '\n' ';')" \
    "1 create-account ;1 put 1;2 put 2;"
  # A watch of what is still to come ends when it has come.
  "$bin/shardctl" -e "${daemon_address[main]}" watch -n shop w --count 1 -o jsonl >"$work/watched" 2>&1 &
  local watch=$! value=2
  watch_ended() {
    ! is_running "$watch" || { ctl state put -n shop w k $((++value)) >/dev/null; false; }
  }
  await 30 "end of the watch" watch_ended
  expect_match "watched change" "$(<"$work/watched")" '"change":"put"'
  expect_exit 0 ctl route watch --count 1 -o jsonl
  expect_equal "watched routes" "$(wc -l <<<"$out")" 4
}

# In each shell that is there.
completions_complete() {
  local shell
  for shell in bash zsh fish; do
    ctl completion "$shell" >"$work/completion.$shell"
    if command -v "$shell" >/dev/null; then
      "$shell" -n "$work/completion.$shell" || complain "$shell does not take its completion"
    fi
  done
  # shellcheck disable=SC2016
  expect_equal "words that bash completes" "$(bash -c 'source "$0"
    COMP_WORDS=(shardctl -e x:1 account l) COMP_CWORD=4
    _shardctl
    echo "${COMPREPLY[*]}"' "$work/completion.bash")" list
  if command -v fish >/dev/null; then
    expect_match "words that fish completes" \
      "$(fish -c "source $work/completion.fish; complete -C 'shardctl account l'")" '^list'
  fi
}

the_rest() {
  expect_json '.version and .api == "shardd.v1"' version
  expect_json '.ready == true' check ready
  expect_json '[.items[].key] | index("storage.data")' config get
  expect_json '.operations > 0 and .errors == 0 and .p50_ms > 0' bench --duration 300ms --in-flight 8 --accounts 50
  expect_json '.operations > 0 and .errors == 0' bench --sessions 2 --frame-operations 16 --duration 300ms --mix put --accounts 50
  for shell in bash zsh fish; do
    expect_exit 0 ctl completion "$shell"
    [ "$(wc -l <<<"$out")" -gt 10 ] || complain "completion for $shell is short"
  done
  completions_complete
  expect_exit 0 ctl docs
  expect_match "reference" "$out" 'account list'
  expect_exit 0 ctl --help
  # Every command has help, and every format prints something for a list.
  ctl docs | sed -n 's/^#* *`\{0,1\}shardctl \([a-z ]*\).*/\1/p' | sort -u >"$work/commands"
  [ "$(wc -l <"$work/commands")" -gt 30 ] || complain "the reference names only $(wc -l <"$work/commands") commands"
  while read -ra words; do expect_exit 0 ctl "${words[@]}" --help; done <"$work/commands"
  for format in table wide json jsonl csv name; do
    expect_exit 0 ctl shard list -o "$format"
    [ -n "$out" ] || complain "shard list -o $format prints nothing"
  done
  expect_equal "csv lines" "$(ctl shard list -o csv | wc -l)" 5
  expect_equal "jsonl objects" "$(ctl shard list -o jsonl | jq -s length)" 4
}

usage_errors() {
  expect_error 2 'there is no command acount; did you mean account' acount list
  expect_error 2 'did you mean --namespace' account list --namspace x
  expect_error 2 'ID' account get
  expect_error 2 '' shard list -o xml
  expect_error 2 '' account list --limit 0
  expect_error 2 '' status --timeout soon
  expect_error 2 '' -e nonsense status
  expect_error 2 '' ''
}

unreachable() {
  expect_exit 3 "$bin/shardctl" -e 127.0.0.1:1 --timeout 2s status
  expect_match "the reason" "$err" 'is shardd running there'
  expect_equal "standard output" "$out" ""
  expect_exit 3 "$bin/shardctl" -e 127.0.0.1:1 check ready --timeout 1s
}

# Lists are cut into pages by one daemon, and gone on with by the next on the same data.
page_tokens_survive_a_restart() {
  local token='' query page restarts=0 total
  awk 'BEGIN {for (i = 0; i < 120; ++i) printf "{\"id\":\"p%03d\",\"entries\":{\"k\":\"%d\"}}\n", i, i
              printf "{\"id\":\"many\",\"entries\":{"; for (i = 0; i < 120; ++i) printf "%s\"e%03d\":\"\"", i ? "," : "", i; print "}}"}' |
    "$bin/shardctl" -e "${daemon_address[main]}" import --format jsonl -n pages - 2>/dev/null
  for query in "account list -n pages" "state scan -n pages many" "state scan -n pages many --reverse"; do
    : >"$work/pages" token=''
    while :; do
      # shellcheck disable=SC2086 # The query is several words.
      page=$(ctl $query --limit 50 ${token:+--page-token "$token"} -o json 2>/dev/null) || { complain "$query fails"; break; }
      jq -r '.items[] | .id // .key' <<<"$page" >>"$work/pages"
      token=$(jq -r .next_page_token <<<"$page")
      [ -n "$token" ] || break
      if [ $((restarts++ % 2)) = 0 ]; then kill_daemon main; else stop_daemon main; fi
      start_daemon main
    done
    # shellcheck disable=SC2086
    total=$(ctl $query --all -o name)
    expect_equal "what the pages of '$query' hold" "$(<"$work/pages")" "$total"
  done
  token=$(ctl account list -n pages --limit 5 -o json 2>/dev/null | jq -r .next_page_token)
  expect_error 2 'PAGE_TOKEN' account list -n shop --page-token "$token"
  expect_error 2 'PAGE_TOKEN' state scan -n pages many --page-token "$token"
  expect_error 2 'PAGE_TOKEN' account list -n pages --page-token nonsense
}

start_daemon main
names_that_scripts_rely_on
accounts_and_namespaces
state
shards_routes_threads_operations
watches
the_rest
usage_errors
unreachable
page_tokens_survive_a_restart
stop_daemon main
finish
