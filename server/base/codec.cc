#include "server/base/codec.h"

namespace shardd {
namespace {

// How long a 64-bit number is as a varint, at most.
constexpr size_t kVarintBytesMax = 10;

template <typename T>
void AppendBigEndian(std::string& bytes, T value) {
  char big_endian[sizeof(T)];
  for (size_t i = sizeof(T); i > 0; value = static_cast<T>(value >> 8)) {
    big_endian[--i] = static_cast<char>(value);
  }
  bytes.append(big_endian, sizeof(T));
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
  char varint[kVarintBytesMax];
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) varint[size++] = static_cast<char>(value | 0x80);
  varint[size++] = static_cast<char>(value);
  bytes_.append(varint, size);
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
  if (!Need(1)) return 0;
  const uint8_t byte = static_cast<uint8_t>(rest_[0]);
  rest_.remove_prefix(1);
  return byte;
}

uint16_t ByteReader::Fixed16() { return ReadBigEndian<uint16_t>(Raw(sizeof(uint16_t))); }

uint64_t ByteReader::Fixed64() { return ReadBigEndian<uint64_t>(Raw(sizeof(uint64_t))); }

uint64_t ByteReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint64_t byte = Byte();
    if (!ok_) return 0;
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
