#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "server/account/account_ref.h"
#include "server/account/routing_key.h"
#include "server/base/codec.h"

namespace shardd {

// How this room's records spell values that ByteWriter does not know. Times and durations are whole
// nanoseconds; the infinite ones have spellings of their own. Readers never fail by themselves:
// check the ByteReader at the end.
void PutDouble(ByteWriter& writer, double value);
double GetDouble(ByteReader& reader);  // anything that is no finite number fails the reader

void PutTime(ByteWriter& writer, absl::Time time);
absl::Time GetTime(ByteReader& reader);

void PutDuration(ByteWriter& writer, absl::Duration duration);
absl::Duration GetDuration(ByteReader& reader);

void PutKey(ByteWriter& writer, RoutingKey key);
RoutingKey GetKey(ByteReader& reader);

void PutOptionalKey(ByteWriter& writer, const std::optional<RoutingKey>& key);
std::optional<RoutingKey> GetOptionalKey(ByteReader& reader);

void PutAccount(ByteWriter& writer, const AccountRef& account);
AccountRef GetAccount(ByteReader& reader);

// A number that must fit 32 bits; a larger one becomes the largest, which validation refuses.
uint32_t GetUint32(ByteReader& reader);

// Reads a count of elements that follow. Each takes a byte at least, so one that is larger than
// what is left is broken: it becomes 0 and fails the reader.
uint64_t GetCount(ByteReader& reader);

// Makes every later read fail.
void Fail(ByteReader& reader);

}  // namespace shardd
