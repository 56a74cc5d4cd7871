#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace shardd {

// Writes and reads the bytes of stored records: fixed-width big-endian numbers (they sort like the
// numbers), varints (LEB128) and length-prefixed strings. storage/FORMAT.md says which record uses
// what.
class ByteWriter {
 public:
  ByteWriter() = default;
  explicit ByteWriter(size_t capacity) { bytes_.reserve(capacity); }

  ByteWriter& Byte(uint8_t value);
  ByteWriter& Fixed16(uint16_t value);
  ByteWriter& Fixed64(uint64_t value);
  ByteWriter& Varint(uint64_t value);
  ByteWriter& Signed(int64_t value);           // zigzag varint
  ByteWriter& Bytes(absl::string_view value);  // varint length, then the bytes
  ByteWriter& Raw(absl::string_view value);    // the bytes alone

  std::string Take() { return std::move(bytes_); }
  absl::string_view view() const { return bytes_; }

 private:
  std::string bytes_;
};

// Reads what ByteWriter wrote. After the first read past the end or of a malformed varint, every
// read gives zero or empty and ok() stays false: check once, at the end.
class ByteReader {
 public:
  explicit ByteReader(absl::string_view bytes) : rest_(bytes) {}

  uint8_t Byte();
  uint16_t Fixed16();
  uint64_t Fixed64();
  uint64_t Varint();
  int64_t Signed();
  absl::string_view Bytes();             // valid as long as the bytes given to the constructor
  absl::string_view Raw(size_t length);  // likewise

  bool ok() const { return ok_; }
  // All was read and nothing is left.
  bool Done() const { return ok_ && rest_.empty(); }
  absl::string_view rest() const { return rest_; }

 private:
  bool Need(size_t length);

  absl::string_view rest_;
  bool ok_ = true;
};

}  // namespace shardd
