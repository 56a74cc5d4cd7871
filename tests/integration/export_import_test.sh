#!/usr/bin/env bash
# Plan: carry accounts from one daemon to another by export and import and back into a file: nothing may be lost,
# added or changed on the way, twice is like once, and bad lines are named by their numbers.
# shellcheck source=tests/integration/harness.sh
. "$(dirname "$0")/harness.sh"
# shellcheck source=tests/integration/generate_index.sh
. "$(dirname "$0")/generate_index.sh"

# Imports standard input; what import says is left in $err, what it counts in $out.
import() {  # CODE DAEMON FORMAT OPTION...
  local code=0
  "$bin/shardctl" -e "${daemon_address[$2]}" import --format "$3" "${@:4}" -o json - >"$work/out" 2>"$work/err" || code=$?
  out=$(<"$work/out") err=$(<"$work/err")
  [ "$code" = "$1" ] || complain "exit code of import --format ${*:3} is $code; it must be $1 ($err)"
}

counted() { jq -r ".$1" <<<"$out"; }

# A file of what a daemon holds, in an order of its own: different daemons may list in different orders.
export_to() { shardctl "$1" export "${@:3}" 2>/dev/null | sort >"$2"; }  # DAEMON FILE OPTION...

accounts_of_all_kinds() {
  generate_index 400 7 | "$bin/shardctl" -e "${daemon_address[one]}" import --format deb822 -n debian - 2>/dev/null
  import 1 one jsonl <<<'{"namespace":"shop","id":"refused","entries":{"":"a key of no bytes"}}'
  expect_match "the refusal of an empty key" "$err" '^line 1: put.key is empty; '
  import 0 one jsonl <<'END'
{"namespace":"shop","id":"cart","labels":{"tier":"gold","note":"ü \"x\""},"entries":{"a":"1","b":""}}
{"namespace":"shop","id":"no entries","entries":{}}
{"namespace":"shop","id":"bytes","entries":{"k":{"base64":"AP+A"}},"entries_base64":[["/wA=","AAE="]]}
{"namespace":"","id":"has no namespace","entries":{"k":"line\nline\ttab\\ \u0000 \u001f €"}}
{"namespace":"shop","id":"ids may hold / , \" ' and ünïcödé","entries":{"x":"y"}}
END
  # Too large for one write, and for one frame.
  awk 'BEGIN {
    printf "{\"namespace\":\"shop\",\"id\":\"large\",\"entries\":{"
    for (i = 0; i < 3000; ++i) printf "%s\"%04d\":\"%0400d\"", (i ? "," : ""), i, i
    print "}}"
  }' >"$work/large"
  import 0 one jsonl <"$work/large"
  expect_equal "number of entries of the large account" \
    "$(shardctl one account get -n shop large -o json | jq .entries)" 3000
}

there_and_back() {
  export_to one "$work/first"
  expect_equal "number of exported accounts" "$(wc -l <"$work/first")" 406
  import 0 two jsonl <"$work/first"
  expect_equal "number of imported accounts" "$(counted accounts)" 406
  export_to two "$work/second"
  expect_same_file "the second daemon's export" "$work/second" "$work/first"
  expect_equal "entry of bytes" "$(shardctl two state get -n shop bytes k | od -An -tx1)" " 00 ff 80 0a"
}

twice_is_like_once() {
  shardctl two account list -n shop --all -o jsonl | sort >"$work/before"
  import 0 two jsonl <"$work/first"
  expect_equal "number of accounts" "$(counted accounts)" 406
  [ "$(counted replayed)" -ge 406 ] || complain "only $(counted replayed) writes were replayed"
  shardctl two account list -n shop --all -o jsonl | sort >"$work/after"
  expect_same_file "the list of accounts" "$work/after" "$work/before"
  export_to two "$work/third"
  expect_same_file "the export after the second import" "$work/third" "$work/first"
}

# Also within the time in which the daemon remembers what an import has asked before.
ends_with_what_the_file_says() {
  local version
  for version in 1 2 1; do
    import 0 two jsonl <<<'{"namespace":"shop","id":"restored","entries":{"v":"'$version'"}}'
    expect_equal "the entry after importing version $version" "$(shardctl two state get -n shop restored v)" "$version"
  done
  expect_equal "number of rewritten accounts" "$(counted rewritten)" 1
  expect_exit 0 shardctl two account delete -n shop restored --yes
  import 0 two jsonl <<<'{"namespace":"shop","id":"restored","entries":{"v":"1"}}'
  expect_equal "the entry of an account that was deleted" "$(shardctl two state get -n shop restored v)" 1
  expect_exit 0 shardctl two state put -n shop large 0007 changed
  expect_exit 0 shardctl two account delete -n shop cart --yes
  expect_exit 0 shardctl two account delete -n shop restored --yes
  import 0 two jsonl <"$work/first"
  expect_equal "number of rewritten accounts" "$(counted rewritten)" 2
  export_to two "$work/restored"
  expect_same_file "the export after a restore" "$work/restored" "$work/first"
}

# Limits and state too: of accounts that are new, frozen, full, and thawed since.
limits_and_state() {
  import 0 three jsonl <<'END'
{"namespace":"kept","id":"frozen","state":"frozen","limits":{"entries_max":2},"labels":{"t":"g"},"entries":{"a":"1","b":"2"}}
{"namespace":"kept","id":"above its limit","limits":{"entries_max":1},"entries":{"a":"1","b":"2"}}
{"namespace":"kept","id":"plain","entries":{"a":"1"}}
END
  expect_equal "limits of the frozen account" \
    "$(shardctl three account get -n kept frozen -o json | jq -c '[.state, .entries_max]')" '["frozen",2]'
  export_to three "$work/kept" -n kept
  import 0 four jsonl <"$work/kept"
  export_to four "$work/kept.four" -n kept
  expect_same_file "the export of accounts with limits" "$work/kept.four" "$work/kept"
  import 0 four jsonl <"$work/kept"
  expect_equal "number of rewritten accounts" "$(counted rewritten)" 0

  expect_exit 0 shardctl four account update -n kept frozen --state active
  expect_exit 0 shardctl four state delete -n kept frozen a
  expect_exit 0 shardctl four account update -n kept frozen --state frozen --entries-max 1
  expect_exit 0 shardctl four account update -n kept plain --state frozen
  expect_exit 0 shardctl four state delete -n kept 'above its limit' a b
  import 0 four jsonl <"$work/kept"
  export_to four "$work/kept.four" -n kept
  expect_same_file "the export after a restore of limits and state" "$work/kept.four" "$work/kept"

  # A record that says nothing of the state does not thaw.
  import 1 four jsonl <<<'{"namespace":"kept","id":"frozen","entries":{"a":"9"}}'
  expect_match "the refusal" "$err" '^line 1: .*ACCOUNT_FROZEN'
  expect_exit 0 shardctl three namespace delete kept --delete-accounts --yes
  expect_exit 0 shardctl four namespace delete kept --delete-accounts --yes
}

one_namespace_alone() {
  export_to one "$work/shop" -n shop
  expect_equal "number of accounts in shop" "$(wc -l <"$work/shop")" 5
  expect_equal "namespaces of an export of shop" "$(jq -r .namespace "$work/shop" | sort -u)" shop
  expect_exit 4 shardctl one export -n nowhere
}

# Whether import names exactly these lines. What the daemon refuses is named later than what cannot be read.
expect_bad_lines() {  # LINE...
  expect_equal "the lines named as bad" "$(sed -n 's/^line \([0-9]*\): .*/\1/p' <<<"$err" | sort -n | tr '\n' ' ')" "$* "
  expect_equal "the number of bad records" "$(counted bad_records)" $#
}

bad_jsonl() {
  cat >"$work/bad.jsonl" <<'END'
{"id":"good-1","entries":{"k":"v"}}
{"id":"cut off","entries":{"k"
{"entries":{"k":"v"}}
[1]
{"id":"wrong","entries":{"k":7}}

{"id":"wrong","entries":{},"colour":"blue"}
{"id":"wrong","entries":{"k":{"base64":"***"}}}
{"id":"","entries":{}}
{"id":"wrong","id":"twice"}
{"namespace":"NO","id":"wrong"}
{"id":"good-2","entries":{"k":"v"}}
END
  import 1 three jsonl <"$work/bad.jsonl"
  expect_bad_lines 2 3 4 5 7 8 9 10 11
  expect_equal "what is there" "$(shardctl three export 2>/dev/null | jq -r .id | sort | tr '\n' ' ')" "good-1 good-2 "
}

bad_jsonl_stops() {
  import 1 four jsonl --on-error stop <"$work/bad.jsonl"
  expect_bad_lines 2
  expect_equal "what is there" "$(shardctl four export 2>/dev/null | jq -r .id)" good-1
}

bad_deb822() {
  cat >"$work/bad.deb822" <<'END'
Package: good-1
Version: 1

Package: no-version
Section: x

Version: 1

 continues nothing
Package: x
Version: 1

Package: no-colon
Version: 1
this is no field

Package: twice
Version: 1
Version: 2

Package: bad-version
Version: 1 2


Package: good-2
Version: 2
END
  import 1 three deb822 -n debian <"$work/bad.deb822"
  expect_bad_lines 4 7 9 15 19 21
  expect_equal "what is there" "$(shardctl three account list -n debian --all -o name | sort | tr '\n' ' ')" "good-1 good-2 "
  import 1 four deb822 -n debian --on-error stop <"$work/bad.deb822"
  expect_bad_lines 4
  expect_equal "what is there" "$(shardctl four account list -n debian --all -o name)" good-1
}

not_even_begun() {
  expect_exit 2 shardctl one import --format jsonl "$work/does-not-exist"
  expect_exit 2 shardctl one import --format csv -
  expect_exit 4 shardctl one import --format deb822 -n nowhere --no-create-namespace "$work/bad.deb822"
  expect_exit 3 "$bin/shardctl" -e 127.0.0.1:1 import --format jsonl --retry-for 1s "$work/first"
}

for name in one two three four; do start_daemon "$name"; done
accounts_of_all_kinds
there_and_back
twice_is_like_once
ends_with_what_the_file_says
limits_and_state
one_namespace_alone
bad_jsonl
bad_jsonl_stops
bad_deb822
not_even_begun
for name in one two three four; do stop_daemon "$name"; done
finish
