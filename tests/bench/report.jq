# Makes the report from the figures: one file each, named like its place below `figures`, one line for each time it
# was measured. A figure that was measured several times is the mean; `runs` keeps each rate.

def two_places: . * 100 | round / 100;

def mean: add / length | two_places;

def figure:
  . as $runs
  | reduce ($runs[0] | keys_unsorted[]) as $key ({};
      .[$key] = if $key == "server_rss_bytes" then ($runs | map(.[$key]) | max) else ($runs | map(.[$key]) | mean) end)
  | if ($runs | length) > 1 then .runs = ($runs | map(.ops_per_s)) else . end;

def lines_by_file: reduce inputs as $line ({}; .[input_filename | ltrimstr("./")] += [$line]);

# Raw RocksDB with as many threads as there are shards, or with one: the better is the honest yardstick.
def best_batch($operations): [.rocksdb[][$operations].ops_per_s] | max;

def ratio($over): (. / $over * 1000 | round / 1000);

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
      unary_put_vs_etcd: (. as $f | $f.shardd.put["256"].ops_per_s | ratio($f.etcd.put["256"].ops_per_s))
    },
    split: change($reshard; "split"),
    merge: change($reshard; "merge"),
    rehome: (change($reshard; "rehome") | .dip = ([.at_10mb.dip, .at_1gb.dip] | max)),
    reshard_calm: {at_10mb: $reshard.mb10[0].calm, at_1gb: $reshard.mb1000[0].calm},
    many_shards: ($many_shards | map_values(two_places)),
    routing_lookup_ns: $routing.lookup_ns,
    routing_hash_ns: $routing.hash_ns,
    figures: .,
    commit: $commit,
    time: $time,
    cores: ($cores | tonumber),
    machine: {cpu: $cpu, kernel: $kernel, filesystem: $filesystem},
    versions: {shardd: $shardd, grpc: $grpc, rocksdb: $rocksdb, redis: $redis, etcd: $etcd},
    settings: {
      quick: ($quick != ""),
      shards: ($shards | tonumber),
      accounts: ($accounts | tonumber),
      value_bytes: 100,
      namespace: $namespace,
      echo: $echo
    }
  }
