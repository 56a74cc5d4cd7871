// Plan: compare the bytes ByteWriter makes with literals, read them back, and feed ByteReader cut
// and overlong input, which must end in !ok() and never past the end.

#include "server/base/codec.h"

#include <limits>

#include "gtest/gtest.h"
#include "tests/support/record_bytes.h"

namespace shardd {
namespace {

TEST(ByteWriterTest, Bytes) {
  EXPECT_EQ(Hex(ByteWriter().Byte(0xfe).Fixed16(0x0102).Take()), "fe0102");
  EXPECT_EQ(Hex(ByteWriter().Fixed64(0x0102030405060708).Take()), "0102030405060708");
  EXPECT_EQ(Hex(ByteWriter().Bytes("abc").Raw("de").Bytes("").Take()), "03616263646500");
}

// Plan: one row for each length of a varint and each side of zero.
TEST(ByteWriterTest, VarintsAndSigned) {
  const struct {
    const char* name;
    uint64_t value;
    const char* hex;
  } varints[] = {{"zero", 0, "00"},
                 {"one byte", 127, "7f"},
                 {"two bytes", 128, "8001"},
                 {"two bytes, last", 16383, "ff7f"},
                 {"three bytes", 16384, "808001"},
                 {"largest", UINT64_MAX, "ffffffffffffffffff01"}};
  for (const auto& row : varints) {
    EXPECT_EQ(Hex(ByteWriter().Varint(row.value).Take()), row.hex) << row.name;
  }
  const struct {
    int64_t value;
    const char* hex;
  } numbers[] = {{0, "00"},
                 {-1, "01"},
                 {1, "02"},
                 {-64, "7f"},
                 {64, "8001"},
                 {INT64_MAX, "feffffffffffffffff01"},
                 {INT64_MIN, "ffffffffffffffffff01"}};
  for (const auto& row : numbers) {
    const std::string bytes = ByteWriter().Signed(row.value).Take();
    EXPECT_EQ(Hex(bytes), row.hex) << row.value;
    ByteReader reader(bytes);
    EXPECT_EQ(reader.Signed(), row.value);
    EXPECT_TRUE(reader.Done());
  }
}

// Plan: big-endian numbers must sort like the numbers, since they are parts of keys.
TEST(ByteWriterTest, FixedSortsLikeTheNumber) {
  const uint64_t numbers[] = {0, 1, 255, 256, 65535, uint64_t{1} << 32, UINT64_MAX};
  std::string previous;
  for (const uint64_t number : numbers) {
    const std::string bytes = ByteWriter().Fixed64(number).Take();
    EXPECT_GT(bytes, previous) << number;
    previous = bytes;
  }
}

TEST(ByteReaderTest, EveryVarintOfOneBitComesBack) {
  for (int bit = 0; bit < 64; ++bit) {
    const uint64_t value = uint64_t{1} << bit;
    for (const uint64_t number : {value, value - 1, value | 1}) {
      const std::string bytes = ByteWriter().Varint(number).Take();
      ByteReader reader(bytes);
      EXPECT_EQ(reader.Varint(), number);
      EXPECT_TRUE(reader.Done());
    }
  }
}

TEST(ByteReaderTest, RefusesMalformedVarints) {
  const struct {
    const char* name;
    const char* hex;
  } rows[] = {{"empty", ""},
              {"goes on past the end", "80"},
              {"ten bytes, all go on", "80808080808080808080"},
              {"eleven bytes", "8080808080808080808001"},
              {"65th bit", "ffffffffffffffffff02"},
              {"tenth byte goes on", "ffffffffffffffffff81"}};
  for (const auto& row : rows) {
    const std::string bytes = FromHex(row.hex);
    ByteReader reader(bytes);
    EXPECT_EQ(reader.Varint(), 0u) << row.name;
    EXPECT_FALSE(reader.ok()) << row.name;
    EXPECT_FALSE(reader.Done()) << row.name;
  }
}

TEST(ByteReaderTest, StaysBadAfterTheFirstBadRead) {
  ByteReader reader("\x01\x02\x03");
  EXPECT_EQ(reader.Fixed64(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.Byte(), 0);
  EXPECT_EQ(reader.Fixed16(), 0);
  EXPECT_EQ(reader.Signed(), 0);
  EXPECT_TRUE(reader.Bytes().empty());
  EXPECT_TRUE(reader.rest().empty());
  EXPECT_FALSE(reader.ok());
}

// Plan: a length near 2^64 must not wrap around.
TEST(ByteReaderTest, RefusesLengthsPastTheEnd) {
  for (const uint64_t length : {uint64_t{4}, uint64_t{1} << 32, UINT64_MAX}) {
    const std::string bytes = ByteWriter().Varint(length).Raw("abc").Take();
    ByteReader reader(bytes);
    EXPECT_TRUE(reader.Bytes().empty());
    EXPECT_FALSE(reader.ok()) << length;
  }
}

TEST(ByteReaderTest, DoneMeansNothingIsLeft) {
  ByteReader reader("ab");
  EXPECT_FALSE(reader.Done());
  EXPECT_EQ(reader.Raw(1), "a");
  EXPECT_EQ(reader.rest(), "b");
  EXPECT_FALSE(reader.Done());
  EXPECT_EQ(reader.Byte(), 'b');
  EXPECT_TRUE(reader.Done());
  EXPECT_TRUE(reader.Raw(0).empty());
  EXPECT_TRUE(reader.Done());
}

}  // namespace
}  // namespace shardd
