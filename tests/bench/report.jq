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

lines_by_file
| .routing[0] as $routing
| del(.routing)
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
