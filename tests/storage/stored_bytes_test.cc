// Plan: compare the bytes of everything the storage keeps by itself with FORMAT.md, so that a
// change of format cannot happen by accident.

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "rocksdb/file_system.h"
#include "storage/crc32c.h"
#include "storage/format.h"
#include "storage/memory_store.h"
#include "storage/rocks_store.h"
#include "storage/watermark.h"
#include "tests/storage/store_fixture.h"

namespace shardd::storage {
namespace {

std::string Hex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

TEST(StoredBytesTest, MetaKeys) {
  const MemoryStore store;
  EXPECT_EQ(Hex(ValueOf(store, kMeta, "format")), "0001");
  EXPECT_EQ(ValueOf(store, kMeta, "instance").size(), 16u);
}

TEST(StoredBytesTest, InstancesDiffer) {
  TestFolder folder;
  std::string instances[2];
  for (int i = 0; i < 2; ++i) {
    RocksOptions options;
    options.path = folder.path(std::to_string(i));
    const auto store = OpenRocksStore(options);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ(Hex(ValueOf(**store, kMeta, "format")), "0001");
    instances[i] = ValueOf(**store, kMeta, "instance");
    EXPECT_EQ(instances[i].size(), 16u);
  }
  EXPECT_NE(instances[0], instances[1]);
}

class WatermarkTest : public testing::Test {
 protected:
  std::string path() const { return Watermark::PathIn(folder_.path()); }
  std::string Slot(int number) const {
    return Hex(ReadWholeFile(path()).substr(number * 4096, 24));
  }
  absl::StatusOr<std::unique_ptr<Watermark>> Open() const {
    return Watermark::Open(*rocksdb::FileSystem::Default(), folder_.path());
  }
  void CreateAt(uint64_t sequence) const {
    ASSERT_TRUE(Watermark::Create(*rocksdb::FileSystem::Default(), folder_.path()).ok());
    const auto watermark = Open();
    ASSERT_TRUE(watermark.ok());
    ASSERT_TRUE((*watermark)->Advance(sequence).ok());
  }

  TestFolder folder_;
};

TEST_F(WatermarkTest, BytesOfTheFile) {
  CreateAt(0x0102030405060708);
  EXPECT_EQ(ReadWholeFile(path()).size(), 4096u + 24u);
  EXPECT_EQ(Slot(0), "7368617264776d310000000000000000d4df7431b7fefb9d");
  EXPECT_EQ(Slot(1), "7368617264776d310102030405060708f416da28a802404e");
}

TEST_F(WatermarkTest, OnlyRises) {
  CreateAt(7);
  const auto watermark = Open();
  ASSERT_TRUE(watermark.ok());
  EXPECT_EQ((*watermark)->sequence(), 7u);
  ASSERT_TRUE((*watermark)->Advance(6).ok());
  EXPECT_EQ((*Open())->sequence(), 7u);
  for (uint64_t sequence = 8; sequence < 12; ++sequence) {
    ASSERT_TRUE((*watermark)->Advance(sequence).ok());
    EXPECT_EQ((*Open())->sequence(), sequence);
  }
}

TEST_F(WatermarkTest, TornSlotLeavesTheOther) {
  CreateAt(7);
  std::string bytes = ReadWholeFile(path());
  bytes[4096 + 15] ^= 1;  // the newer slot
  WriteWholeFile(path(), bytes);
  EXPECT_EQ((*Open())->sequence(), 0u);
  bytes[3] ^= 1;
  WriteWholeFile(path(), bytes);
  EXPECT_EQ(OpenErrorOf(Open().status()), OpenError::kCorrupt);
  WriteWholeFile(path(), "");
  EXPECT_EQ(OpenErrorOf(Open().status()), OpenError::kCorrupt);
}

// The check value of the CRC catalogues, masked.
TEST(Crc32cTest, KnownValues) {
  const auto masked = [](uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8; };
  EXPECT_EQ(MaskedCrc32c("123456789"), masked(0xe3069283));
  EXPECT_EQ(MaskedCrc32c(std::string(32, '\0')), masked(0x8a9136aa));
  EXPECT_EQ(MaskedCrc32c(""), masked(0));
}

}  // namespace
}  // namespace shardd::storage
