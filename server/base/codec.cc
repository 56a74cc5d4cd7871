#include "server/base/codec.h"

namespace shardd {
namespace {

template <typename T>
void AppendBigEndian(std::string& bytes, T value) {
  for (int shift = 8 * (static_cast<int>(sizeof(T)) - 1); shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(value >> shift));
  }
}

template <typename T>
T ReadBigEndian(absl::string_view bytes) {
  T value = 0;
  for (char byte : bytes) value = static_cast<T>((value << 8) | static_cast<uint8_t>(byte));
  return value;
}

}  // namespace

ByteWriter& ByteWriter::Byte(uint8_t value) {
  bytes_.push_back(static_cast<char>(value));
  return *this;
}

ByteWriter& ByteWriter::Fixed16(uint16_t value) {
  AppendBigEndian(bytes_, value);
  return *this;
}

ByteWriter& ByteWriter::Fixed64(uint64_t value) {
  AppendBigEndian(bytes_, value);
  return *this;
}

ByteWriter& ByteWriter::Varint(uint64_t value) {
  while (value >= 0x80) {
    bytes_.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  bytes_.push_back(static_cast<char>(value));
  return *this;
}

ByteWriter& ByteWriter::Signed(int64_t value) {
  return Varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

ByteWriter& ByteWriter::Bytes(absl::string_view value) { return Varint(value.size()).Raw(value); }

ByteWriter& ByteWriter::Raw(absl::string_view value) {
  bytes_.append(value.data(), value.size());
  return *this;
}

bool ByteReader::Need(size_t length) {
  if (ok_ && rest_.size() >= length) return true;
  ok_ = false;
  rest_ = {};
  return false;
}

uint8_t ByteReader::Byte() {
  const absl::string_view raw = Raw(1);
  return raw.empty() ? 0 : static_cast<uint8_t>(raw[0]);
}

uint16_t ByteReader::Fixed16() { return ReadBigEndian<uint16_t>(Raw(sizeof(uint16_t))); }

uint64_t ByteReader::Fixed64() { return ReadBigEndian<uint64_t>(Raw(sizeof(uint64_t))); }

uint64_t ByteReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (!Need(1)) return 0;
    const uint64_t byte = Byte();
    // The tenth byte may carry only the top bit; more would be a second spelling or an overflow.
    if (shift == 63 && byte > 1) break;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  ok_ = false;
  rest_ = {};
  return 0;
}

int64_t ByteReader::Signed() {
  const uint64_t value = Varint();
  return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

absl::string_view ByteReader::Bytes() { return Raw(Varint()); }

absl::string_view ByteReader::Raw(size_t length) {
  if (!Need(length)) return {};
  const absl::string_view raw = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return raw;
}

}  // namespace shardd
