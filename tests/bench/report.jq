# Makes the report from the figures: one file each, named like its place below `figures`, one line for each time it
# was measured. A figure that was measured several times is the mean; `runs` keeps each rate.

def two_places: . * 100 | round / 100;

def mean: add / length | two_places;

def figure:
  . as $runs
  | reduce ($runs[0] | keys_unsorted[]) as $key ({};
      .[$key] = if $key == "server_rss_bytes" then ($runs | map(.[$key]) | max) else ($runs | map(.[$key]) | mean) end)
  | if ($runs | length) > 1 then .runs = ($runs | map(.ops_per_s)) else . end;

# What is promised, where it was measured.
def limit($name; $value; $at_least; $at_most):
  if $value == null then empty
  else {name: $name, value: $value}
    + (if $at_least != null then {at_least: $at_least, met: ($value >= $at_least)} else {} end)
    + (if $at_most != null then {at_most: $at_most, met: ($value <= $at_most)} else {} end)
  end;

def limits:
  [
    limit("ratio.unary_put_vs_echo"; .ratio.unary_put_vs_echo; 0.5; null),
    limit("ratio.unary_get_vs_echo"; .ratio.unary_get_vs_echo; 0.6; null),
    limit("ratio.session_put_vs_rocksdb"; .ratio.session_put_vs_rocksdb; 0.4; null),
    limit("ratio.unary_put_vs_etcd"; .ratio.unary_put_vs_etcd; 1.5; null),
    limit("ratio.messages_vs_redis_streams"; .ratio.messages_vs_redis_streams; 1; null),
    limit("ratio.messages_vs_jetstream"; .ratio.messages_vs_jetstream; 1; null),
    limit("routing_lookup_ns, 1024 shards"; .routing_lookup_ns["1024"]?; null; 60),
    (["split", "merge", "rehome"][] as $kind
      | limit("\($kind).pause_ms_p99"; .[$kind].pause_ms_p99; null; 10),
        limit("\($kind).pause_p99_ratio_1gb_vs_10mb"; .[$kind].pause_p99_ratio_1gb_vs_10mb; null; 2)),
    limit("rehome.dip"; .rehome.dip; null; 0.2),
    limit("many_shards.start_s"; .many_shards.start_s; null; 3),
    limit("many_shards.idle_kib_per_shard"; .many_shards.idle_kib_per_shard; null; 256),
    # Families are flushed when the log is over its bound, and it grows on until that is done.
    limit("many_shards.wal_bytes_peak / wal_bytes_max";
      .many_shards | values | (.wal_bytes_peak / .wal_bytes_max * 100 | round / 100); null; 2)
  ];

def lines_by_file: reduce inputs as $line ({}; .[input_filename | ltrimstr("./")] += [$line]);

# Raw RocksDB with as many threads as there are shards, or with one: the better is the honest yardstick.
def best_batch($operations): [.rocksdb[]?[$operations].ops_per_s] | max;

# Null if one of them was not measured.
def ratio($over): if . == null or $over == null then null else . / $over * 1000 | round / 1000 end;

# One kind of change: what is promised of it at the top, what was seen at each size below. A short run moves nothing
# at 1 GB.
def change($sizes; $kind):
  ($sizes | map_values(.[0][$kind] // empty | map_values(two_places))) as $seen
  | {pause_ms_p99: ($seen | map(.pause_ms_p99) | max)}
  + if $seen.mb1000 then
      {
        pause_p99_ratio_1gb_vs_10mb: ($seen | .mb1000.pause_ms_p99 | ratio($seen.mb10.pause_ms_p99)),
        total_ms: $seen.mb1000.total_ms
      }
    else {} end
  + {at_10mb: $seen.mb10, at_1gb: $seen.mb1000};

lines_by_file
| .routing[0] as $routing
| {mb10: .["reshard.mb10"], mb1000: .["reshard.mb1000"]} as $reshard
| .many_shards[0] as $many_shards
| del(.routing, .many_shards, .["reshard.mb10"], .["reshard.mb1000"])
| with_entries(.value |= figure)
| reduce to_entries[] as $entry ({}; setpath($entry.key | split("."); $entry.value))
| {
    ratio: {
      unary_put_vs_echo: (. as $f | $f.shardd.put["256"].ops_per_s | ratio($f.beside.echo_put.ops_per_s)),
      unary_get_vs_echo: (. as $f | $f.shardd.get["256"].ops_per_s | ratio($f.beside.echo_get.ops_per_s)),
      session_put_vs_rocksdb: (. as $f | $f.shardd.session_put["256"].ops_per_s | ratio($f | best_batch("256"))),
      session_put_vs_redis_p16: (. as $f | $f.shardd.session_put["256"].ops_per_s | ratio($f.redis.p16.ops_per_s)),
      unary_put_vs_etcd: (. as $f | $f.shardd.put["256"].ops_per_s | ratio($f.etcd.put["256"].ops_per_s)),
      messages_vs_redis_streams:
        (. as $f | $f.messages.shardd["256"].ops_per_s | ratio($f.messages.redis_streams["256"].ops_per_s)),
      messages_vs_jetstream:
        (. as $f | $f.messages.shardd["256"].ops_per_s | ratio($f.messages.jetstream["256"].ops_per_s))
    },
    split: change($reshard; "split"),
    merge: change($reshard; "merge"),
    rehome: (change($reshard; "rehome") | .dip = ([.at_10mb.dip, .at_1gb.dip] | max)),
    reshard_calm: {at_10mb: $reshard.mb10[0].calm, at_1gb: $reshard.mb1000[0].calm},
    many_shards: ($many_shards | if . then map_values(two_places) else . end),
    routing_lookup_ns: $routing.lookup_ns,
    routing_hash_ns: $routing.hash_ns,
    figures: .,
    commit: $commit,
    time: $time,
    cores: ($cores | tonumber),
    machine: {cpu: $cpu, kernel: $kernel, filesystem: $filesystem},
    versions: {shardd: $shardd, grpc: $grpc, rocksdb: $rocksdb, redis: $redis, nats: $nats, etcd: $etcd},
    settings: {
      quick: ($quick != ""),
      shards: ($shards | tonumber),
      accounts: ($accounts | tonumber),
      value_bytes: 100,
      namespace: $namespace,
      echo: $echo
    }
  }
# What was not measured is not there.
| .ratio |= map_values(values)
| del(.[] | nulls)
| .limits = limits
