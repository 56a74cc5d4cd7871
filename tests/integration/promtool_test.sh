#!/usr/bin/env bash
# Plan: hold the dashboard and the alert rules in deploy/ against what the running daemon tells on /metrics: every metric
# and label that they name is there. Where promtool is installed, it has the last word on rules and metrics, and plays
# alerts on made-up series.
# shellcheck source=tests/integration/harness.sh
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"

deploy=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../deploy")
dashboard=$deploy/grafana/shardd.json
rules=$deploy/prometheus/shardd.rules.yml
rules_test=$(realpath "$(dirname "${BASH_SOURCE[0]}")/shardd.rules_test.yml")

# The expressions of a dashboard or of a file of rules.
dashboard_expressions() {
  jq -r '[.. | objects | (.expr?, .definition?)] | .[] | strings' "$dashboard"
}
rules_expressions() {
  awk '/^ *expr: >-$/ { more = 1; next } /^ *expr: / { sub(/^ *expr: /, ""); print; next }
       more && /^ *(for|labels):/ { more = 0 } more { print }' "$rules"
}

# Counters, gauges and histograms by the names that queries use.
told_names() {
  awk '$1 == "#" && $2 == "TYPE" { print $3
         if ($4 == "histogram") { print $3 "_bucket"; print $3 "_sum"; print $3 "_count" } }' "$work/metrics"
}
named() { grep -oE '\b(shardd|grpc_server|process)_[a-z_]+' | sort -u; }

# With those that Prometheus adds, and the reasons of the balancer, which may not have decided anything yet.
told_labels() {
  printf '%s\n' instance job reason
  grep -v '^#' "$work/metrics" | grep -oE '[{,][a-z_]+="' | tr -d '{,="' | sort -u
}
matched_labels() { grep -oE '[a-z_]+(=~|!~|!=|=)"' | sed -E 's/(=~|!~|!=|=)"$//' | sort -u; }
grouped_labels() { grep -oE 'by \([a-z_, ]+\)' | sed -E 's/by \(//; s/\)//' | tr -d ' ' | tr ',' '\n' | sort -u; }

everything_named_is_told() {  # WHAT EXPRESSIONS
  local missing
  [ "$(named <"$2" | wc -l)" -ge 10 ] || complain "$1 names hardly any metric: were its expressions found?"
  missing=$(comm -23 <(named <"$2") <(told_names | sort -u) | xargs)
  expect_equal "metrics that $1 names and /metrics does not" "$missing" ""
  missing=$(comm -23 <({ matched_labels <"$2"; grouped_labels <"$2"; } | sort -u) <(told_labels | sort -u) | xargs)
  expect_equal "labels that $1 names and /metrics does not" "$missing" ""
}

dashboard_is_whole() {
  jq -e . "$dashboard" >/dev/null || fail "$dashboard is not JSON"
  expect_equal "panels with an id of another" \
    "$(jq '[.panels[].id] | length - (unique | length)' "$dashboard")" 0
  expect_equal "panels without a query" \
    "$(jq '[.panels[] | select(.type != "row" and ((.targets // []) | length) == 0)] | length' "$dashboard")" 0
}

promtool_agrees() {
  if ! command -v promtool >/dev/null; then
    say "promtool is not installed: it was not asked"
    return
  fi
  promtool check metrics <"$work/metrics" >&2 || complain "promtool does not like /metrics"
  promtool check rules "$rules" >&2 || complain "promtool does not like $rules"
  cp "$rules" "$rules_test" "$work"
  (cd "$work" && promtool test rules "${rules_test##*/}") >&2 || complain "an alert does not do what it should"
  # Dashboards are not for promtool; their expressions are, as rules.
  {
    printf 'groups:\n  - name: dashboard\n    rules:\n'
    # shellcheck disable=SC2016
    dashboard_expressions | grep -v '^label_values' | sed 's/\$__rate_interval/5m/g' |
      jq -R -r '"      - {record: \"dashboard:\(input_line_number)\", expr: \(. | @json)}"'
  } >"$work/dashboard.rules.yml"
  promtool check rules "$work/dashboard.rules.yml" >&2 || complain "an expression of the dashboard is malformed"
}

start_daemon main
shardctl main namespace create shop >/dev/null
shardctl main state put -n shop cart color blue --create-account >/dev/null
shardctl main shard split s-0001 --at 20000000000000000000000000000000 --wait --yes >/dev/null
shardctl main shard verify --all --wait >/dev/null
page=$(http_get "${daemon_http[main]}" /metrics)
printf '%s\n' "${page#200 }" >"$work/metrics"
dashboard_expressions >"$work/dashboard.expr"
rules_expressions >"$work/rules.expr"

dashboard_is_whole
everything_named_is_told "the dashboard" "$work/dashboard.expr"
everything_named_is_told "the rules" "$work/rules.expr"
promtool_agrees
expect_match "metrics after a split" "$(cat "$work/metrics")" \
  'shardd_operations_ended_total\{kind="split",state="succeeded"\} 1'
expect_match "metrics after a split" "$(cat "$work/metrics")" \
  'shardd_shard_change_pause_seconds_count\{kind="split"\} 1'
expect_match "metrics after a split" "$(cat "$work/metrics")" \
  'shardd_shard_change_seconds_count\{kind="split",state="succeeded"\} 1'
stop_daemon main
finish
