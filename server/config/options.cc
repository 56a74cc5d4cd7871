#include "server/config/options.h"

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "server/base/limits.h"
#include "server/config/address.h"
#include "server/config/byte_count.h"
#include "server/load_balancing_service/limits.h"

namespace shardd {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kTiB = uint64_t{1} << 40;

const Option kOptions[] = {
    {"server.listen", "--listen", TextKind{&Config::listen, TextForm::kAddress}, "127.0.0.1:7400",
     "Address of the gRPC port. Port 0 takes any free one; the log line \"listening\" says which."},
    {"server.http_listen", "--http-listen",
     TextKind{&Config::http_listen, TextForm::kAddressOrNothing}, "127.0.0.1:7401",
     "Address of the HTTP port with /livez, /readyz and /metrics. Empty: no HTTP port."},
    {"server.insecure", "--insecure", FlagKind{&Config::insecure}, "false",
     "Allow addresses that other machines can reach. Whoever reaches the port may do everything: "
     "there is no authentication, so a firewall or a private network must decide who that is."},
    {"server.pollers", "", CountKind{&Config::pollers, 0, 64}, "0",
     "Threads that take gRPC calls from the network. 0: one for every two cores."},
    {"server.reflection", "", FlagKind{&Config::reflection}, "true",
     "Tell gRPC tools which services there are."},
    {"storage.data", "--data", TextKind{&Config::data, TextForm::kPath}, "/var/lib/shardd",
     "The data folder. It is made if it is missing, and one daemon at a time has it open."},
    {"storage.cache_bytes", "", SizeKind{&Config::cache_bytes, 8 * kMiB, kTiB}, "256MiB",
     "Memory for blocks of files that were read, their indexes and filters included."},
    {"storage.write_buffer_bytes", "", SizeKind{&Config::write_buffer_bytes, 8 * kMiB, kTiB},
     "128MiB", "Memory for writes that are in the log but not yet in a table file."},
    {"storage.wal_bytes_max", "", SizeKind{&Config::wal_bytes_max, 16 * kMiB, kTiB}, "256MiB",
     "Size of the write-ahead log past which tables are flushed. A start replays at most about "
     "this much."},
    {"storage.reserve_bytes", "", SizeKind{&Config::reserve_bytes, 0, kTiB}, "256MiB",
     "Writes are refused, and reads go on, while the disk has less than this left."},
    {"shards.initial", "--shards",
     CountKind{&Config::shards_initial, 1, static_cast<int>(limits::kShardsAtStartMax)}, "4",
     "Shards of a new data folder, of equal width. An existing folder keeps the shards it has."},
    {"balancing.enabled", "", FlagKind{&Config::balancing_enabled}, "true",
     "Split, merge and move shards as their load asks for. If false, the balancer still looks and "
     "explains, and nothing at run time makes it act."},
    {"balancing.policy", "", ChoiceKind{&Config::balancing_policy, "load|size|manual"}, "load",
     "What is balanced: what shards have to do, what they hold, or nothing but by hand. This and "
     "what follows is where the daemon begins: `shardctl balancer policy set` changes it at run "
     "time, and what was set there wins, also after a restart, until `policy reset`."},
    {"balancing.operations_per_second", "",
     NumberKind{&Config::balancing_operations_per_second, 1, 1e9}, "10000",
     "As many operations a second as one shard may have."},
    {"balancing.busy_fraction", "", NumberKind{&Config::balancing_busy_fraction, 0.01, 1}, "0.7",
     "As busy as the worker of a shard may be. The time in which it waits for the disk does not "
     "count."},
    {"balancing.mailbox_wait", "",
     TimeKind{&Config::balancing_mailbox_wait, absl::Minutes(10), absl::Microseconds(1)}, "5ms",
     "As long as an operation may wait for its worker, on average."},
    {"balancing.bytes_per_second", "",
     SizeKind{&Config::balancing_bytes_per_second, kMiB / 1024, kTiB}, "64MiB",
     "As much as one shard may read and write in a second."},
    {"balancing.imbalance_max", "", NumberKind{&Config::balancing_imbalance_max, 1.1, 1000}, "1.4",
     "A shard with this many times the mean load is split."},
    {"balancing.check_interval", "",
     TimeKind{&Config::balancing_check_interval, absl::Minutes(1), absl::Milliseconds(100)}, "5s",
     "How often the balancer looks."},
    {"balancing.merge_age_min", "",
     TimeKind{&Config::balancing_merge_age_min, limits::kBalancingWaitMax}, "10m",
     "How long ago two shards must have been split before they are merged."},
    {"balancing.cool_down", "", TimeKind{&Config::balancing_cool_down, limits::kBalancingWaitMax},
     "30s", "How long a shard is left alone after a change."},
    {"balancing.warm_up", "", TimeKind{&Config::balancing_warm_up, limits::kBalancingWaitMax}, "1m",
     "How long all shards are left alone after a start."},
    {"balancing.changes_max", "",
     CountKind{&Config::balancing_changes_max, 0, static_cast<int>(limits::kChangesAtOnceMax)}, "4",
     "How many changes may be under way at once."},
    {"balancing.shards_min", "",
     CountKind{&Config::balancing_shards_min, 0, static_cast<int>(limits::kBalancedShardsMax)}, "0",
     "The fewest shards that merges leave. 0: as many as shards.initial."},
    {"balancing.shards_max", "",
     CountKind{&Config::balancing_shards_max, 1, static_cast<int>(limits::kBalancedShardsMax)},
     "1024", "The most shards that splits make."},
    {"balancing.homes_max", "",
     CountKind{&Config::balancing_homes_max, 1, static_cast<int>(limits::kBalancedHomesMax)}, "64",
     "The most column families that shards are moved to."},
    {"threads.stall_after", "", TimeKind{&Config::stall_after, absl::Hours(1)}, "2s",
     "How long a thread may be busy with one thing before it is said to be stalled, in the log, in "
     "the status and in the metrics. 0s: never."},
    {"drain.wait", "", TimeKind{&Config::drain_wait, absl::Hours(1)}, "8s",
     "How long a stopping daemon still serves after it has said that it is not ready: longer than "
     "a load balancer needs to notice. Unless it is set, there is no such wait where only this "
     "machine can reach the ports."},
    {"drain.timeout", "", TimeKind{&Config::drain_timeout, absl::Hours(1)}, "30s",
     "How long a stopping daemon may take to finish what it has accepted."},
    {"log.level", "--log-level", ChoiceKind{&Config::log_level, "debug|info|warn|error"}, "info",
     "The least important log lines that are written."},
    {"log.format", "--log-format", ChoiceKind{&Config::log_format, "auto|text|json"}, "auto",
     "How log lines on stderr look. auto: text on a terminal, JSON elsewhere."},
};

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

std::vector<std::string> Words(const ChoiceKind& choice) {
  return absl::StrSplit(choice.words, '|');
}

// FormatDuration writes zero without a unit.
std::string TextOf(absl::Duration value) {
  return value == absl::ZeroDuration() ? "0s" : absl::FormatDuration(value);
}

bool IsOfForm(absl::string_view text, TextForm form) {
  switch (form) {
    case TextForm::kPath:
      return !text.empty();
    case TextForm::kAddress:
      return ParseHostPort(text).has_value();
    case TextForm::kAddressOrNothing:
      return text.empty() || ParseHostPort(text).has_value();
  }
  return false;
}

absl::string_view NameOf(TextForm form) {
  switch (form) {
    case TextForm::kPath:
      return "a path";
    case TextForm::kAddress:
      return "host:port, with a port of 0 to 65535 and an IPv6 host in brackets";
    case TextForm::kAddressOrNothing:
      return "host:port, with a port of 0 to 65535 and an IPv6 host in brackets, or empty";
  }
  return "";
}

bool Set(const TextKind& kind, absl::string_view text, Config* config) {
  if (!IsOfForm(text, kind.form)) return false;
  config->*kind.member = std::string(text);
  return true;
}

bool Set(const ChoiceKind& kind, absl::string_view text, Config* config) {
  const std::vector<std::string> words = Words(kind);
  if (std::find(words.begin(), words.end(), text) == words.end()) return false;
  config->*kind.member = std::string(text);
  return true;
}

bool Set(const FlagKind& kind, absl::string_view text, Config* config) {
  if (text != "true" && text != "false") return false;
  config->*kind.member = text == "true";
  return true;
}

bool Set(const CountKind& kind, absl::string_view text, Config* config) {
  int value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < kind.least || value > kind.most) return false;
  config->*kind.member = value;
  return true;
}

bool Set(const NumberKind& kind, absl::string_view text, Config* config) {
  double value = 0;
  // Written so that NaN is refused.
  const bool allowed = absl::SimpleAtod(text, &value) && value >= kind.least && value <= kind.most;
  if (allowed) config->*kind.member = value;
  return allowed;
}

bool Set(const SizeKind& kind, absl::string_view text, Config* config) {
  const std::optional<ByteCount> size = ParseByteCount(text);
  if (!size.has_value() || size->value < kind.least || size->value > kind.most) return false;
  config->*kind.member = *size;
  return true;
}

bool Set(const TimeKind& kind, absl::string_view text, Config* config) {
  absl::Duration value;
  if (!absl::ParseDuration(text, &value)) return false;
  if (value < kind.least || value > kind.most) return false;
  config->*kind.member = value;
  return true;
}

}  // namespace

absl::Span<const Option> Options() { return kOptions; }

const Option* FindOption(absl::string_view key) {
  for (const Option& option : kOptions) {
    if (option.key == key) return &option;
  }
  return nullptr;
}

std::string VariableOf(const Option& option) {
  return absl::StrCat("SHARDD_",
                      absl::AsciiStrToUpper(absl::StrReplaceAll(option.key, {{".", "__"}})));
}

std::string AllowedBy(const Option& option) {
  return std::visit(
      Overloaded{[](const TextKind& kind) { return std::string(NameOf(kind.form)); },
                 [](const ChoiceKind& kind) {
                   return absl::StrCat("one of ", absl::StrJoin(Words(kind), ", "));
                 },
                 [](const FlagKind&) { return std::string("true or false"); },
                 [](const CountKind& kind) { return absl::StrCat(kind.least, " to ", kind.most); },
                 [](const NumberKind& kind) {
                   return absl::StrCat("a number from ", kind.least, " to ", kind.most);
                 },
                 [](const SizeKind& kind) {
                   return absl::StrCat("a size from ", ToText(ByteCount{kind.least}), " to ",
                                       ToText(ByteCount{kind.most}), ", such as 64MiB");
                 },
                 [](const TimeKind& kind) {
                   return absl::StrCat("a duration from ", TextOf(kind.least), " to ",
                                       absl::FormatDuration(kind.most), ", such as 8s or 500ms");
                 }},
      option.kind);
}

bool SetFromText(const Option& option, absl::string_view text, Config* config) {
  return std::visit([&](const auto& kind) { return Set(kind, text, config); }, option.kind);
}

std::string TextOf(const Option& option, const Config& config) {
  return std::visit(
      Overloaded{
          [&](const TextKind& kind) { return config.*kind.member; },
          [&](const ChoiceKind& kind) { return config.*kind.member; },
          [&](const FlagKind& kind) { return std::string(config.*kind.member ? "true" : "false"); },
          [&](const CountKind& kind) { return absl::StrCat(config.*kind.member); },
          // StrCat would round it to six digits.
          [&](const NumberKind& kind) { return absl::StrFormat("%.15g", config.*kind.member); },
          [&](const SizeKind& kind) { return ToText(config.*kind.member); },
          [&](const TimeKind& kind) { return TextOf(config.*kind.member); }},
      option.kind);
}

}  // namespace shardd
