#!/usr/bin/env bash
# Plan: run deploy/quickstart against a daemon that is up, with a small package index: the first run imports it, later
# ones leave alone what users have written since, and complete what is missing.
# shellcheck source=tests/integration/harness.sh
. "$(dirname "$0")/harness.sh"
# shellcheck source=tests/integration/generate_index.sh
. "$(dirname "$0")/generate_index.sh"

# A source tree in which all is installed and built, and a system whose package index is $work/index.
tree=$work/tree
mkdir -p "$tree/deploy" "$tree/build/release" "$work/system"
cp "$(dirname "${BASH_SOURCE[0]}")/../../deploy/quickstart" "$tree/deploy/"
ln -s "$bin" "$tree/build/release/bin"
touch "$tree/build/release/build.ninja"
program() { printf '#!/bin/sh\n%s\n' "$2" >"$1"; chmod +x "$1"; }  # PATH TEXT
program "$tree/deploy/install-deps" 'exit 0'
program "$work/system/cmake" 'exit 0'
program "$work/system/apt-get" 'echo there is an index'
program "$work/system/apt-cache" "cat $work/index"

quickstart() {
  SHARDD_HOME=$work/home SHARDD_QUICKSTART_LISTEN=${daemon_address[main]} PATH=$work/system:$PATH \
    expect_exit 0 "$tree/deploy/quickstart"
}
packages() { grep -c . <(grep '^Package: ' "$work/index" | sort -u); }
accounts() { shardctl main account list -n debian --all -o name | wc -l; }

start_daemon main
generate_index 60 1 >"$work/index"
quickstart
expect_equal "number of accounts" "$(accounts)" "$(packages)"
expect_match "what to try" "$out" 'account list --namespace debian'
id=$(shardctl main account list -n debian -o name --limit 1)
version=$(shardctl main state get -n debian "$id" Version)

# What a user adds or changes stays.
expect_exit 0 shardctl main state put -n debian "$id" note 'read the manual'
expect_exit 0 shardctl main state put -n debian "$id" Version mine
shardctl main account list -n debian --all -o jsonl | sort >"$work/before"
quickstart
expect_match "what the second run says" "$err" 'It is there already'
shardctl main account list -n debian --all -o jsonl | sort >"$work/after"
expect_same_file "the accounts after the second run" "$work/after" "$work/before"

# What is missing is added, and still nothing is deleted.
gone=$(shardctl main account list -n debian -o name --limit 2 | tail -n 1)
expect_exit 0 shardctl main account delete -n debian "$gone" --yes
quickstart
expect_equal "number of accounts after the third run" "$(accounts)" "$(packages)"
expect_equal "the note" "$(shardctl main state get -n debian "$id" note)" 'read the manual'
expect_equal "the version of the index" "$(shardctl main state get -n debian "$id" Version)" "$version"

stop_daemon main
finish
