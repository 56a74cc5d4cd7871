#include "client/shardctl/message_matrix.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

constexpr int kPairsMax = 1000;
// Of either side; two more lines, and the matrix still leaves most of a screen of 24.
constexpr size_t kShardsShown = 6;
// Stands for all other shards; behind every id.
constexpr char kOther[] = "~";

using Sums = std::map<std::string, double>;

// Those with the highest sums.
std::set<std::string> Highest(const Sums& sums) {
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [shard, sum] : sums) {
    if (!shard.empty()) order.emplace_back(-sum, shard);
  }
  std::sort(order.begin(), order.end());
  std::set<std::string> shards;
  for (size_t i = 0; i < order.size() && i < kShardsShown; ++i) shards.insert(order[i].second);
  return shards;
}

// The shard, or kOther.
std::string Told(const std::string& shard, const std::set<std::string>& shards) {
  return shards.contains(shard) ? shard : kOther;
}

Json RateJson(double per_second) {
  return static_cast<double>(static_cast<int64_t>(per_second * 100 + 0.5)) / 100;
}

std::string Title(const std::string& shard) { return shard == kOther ? "other" : shard; }

std::string CellText(double per_second) {
  return per_second == 0 ? "-" : MessageRateText(per_second);
}

std::string Padded(const std::string& text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

}  // namespace

std::optional<v1::GetMessageRatesResponse> LookAtMessages(client::Client& daemon) {
  v1::GetMessageRatesRequest request;
  request.set_pairs_max(kPairsMax);
  auto rates = daemon.GetMessageRates(request);
  if (!rates.ok()) return std::nullopt;
  return *std::move(rates);
}

std::string MessageRateText(double per_second) {
  if (per_second == 0) return "0";
  if (per_second < 1) return "<1";
  return Thousands(static_cast<uint64_t>(per_second + 0.5));
}

Json MessageRatesJson(const v1::GetMessageRatesResponse& rates) {
  Json pairs = Json::array();
  for (const v1::ShardMessageRate& rate : rates.rates()) {
    const std::string& from = rate.sender_shard_id();
    pairs.push_back({{"from", from.empty() ? Json() : Json(from)},
                     {"to", rate.receiver_shard_id()},
                     {"messages_per_second", RateJson(rate.messages_per_second())}});
  }
  return {{"messages_per_second", RateJson(rates.messages_per_second())},
          {"pairs", std::move(pairs)}};
}

std::vector<std::string> MatrixLines(const v1::GetMessageRatesResponse& rates) {
  Sums sent;
  Sums received;
  for (const v1::ShardMessageRate& rate : rates.rates()) {
    sent[rate.sender_shard_id()] += rate.messages_per_second();
    received[rate.receiver_shard_id()] += rate.messages_per_second();
  }
  if (sent.empty()) return {};
  const std::set<std::string> senders = Highest(sent);
  const std::set<std::string> receivers = Highest(received);
  std::map<std::string, Sums> matrix;
  std::set<std::string> columns;
  for (const v1::ShardMessageRate& rate : rates.rates()) {
    const std::string column = Told(rate.receiver_shard_id(), receivers);
    columns.insert(column);
    matrix[Told(rate.sender_shard_id(), senders)][column] += rate.messages_per_second();
  }
  const std::string corner = "from \\ to";
  size_t head_width = corner.size();
  for (const auto& [from, row] : matrix) head_width = std::max(head_width, Title(from).size());
  std::vector<std::string> lines;
  lines.push_back(corner + std::string(head_width - corner.size(), ' '));
  for (const auto& [from, row] : matrix) {
    const std::string title = Title(from);
    lines.push_back(title + std::string(head_width - title.size(), ' '));
  }
  for (const std::string& column : columns) {
    const std::string title = Title(column);
    size_t width = title.size();
    for (auto& [from, row] : matrix) width = std::max(width, CellText(row[column]).size());
    size_t line = 0;
    absl::StrAppend(&lines[line++], "  ", Padded(title, width));
    for (auto& [from, row] : matrix) {
      absl::StrAppend(&lines[line++], "  ", Padded(CellText(row[column]), width));
    }
  }
  return lines;
}

}  // namespace shardd::shardctl
