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
  EXPECT_EQ(Hex(ValueOf(store, kMeta, "format")), "0002");
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
    EXPECT_EQ(Hex(ValueOf(**store, kMeta, "format")), "0002");
    instances[i] = ValueOf(**store, kMeta, "instance");
    EXPECT_EQ(instances[i].size(), 16u);
  }
  EXPECT_NE(instances[0], instances[1]);
}

class WatermarkTest : public testing::Test {
 protected:
  std::string path() const { return Watermark::PathIn(folder_.path()); }
  std::string Slot(int number) const {
    return Hex(ReadWholeFile(path()).substr(number * 4096, 40));
  }
  absl::StatusOr<std::unique_ptr<Watermark>> Open() const {
    return Watermark::Open(*rocksdb::FileSystem::Default(), folder_.path());
  }
  void CreateAt(uint64_t sequence) const {
    ASSERT_TRUE(Watermark::Create(*rocksdb::FileSystem::Default(), folder_.path()).ok());
    const auto watermark = Open();
    ASSERT_TRUE(watermark.ok());
    ASSERT_TRUE((*watermark)->Advance({sequence, 3, 4}).ok());
  }

  TestFolder folder_;
};

TEST_F(WatermarkTest, BytesOfTheFile) {
  CreateAt(0x0102030405060708);
  EXPECT_EQ(ReadWholeFile(path()).size(), 4096u + 40u);
  EXPECT_EQ(Slot(0),
            "7368617264776d31"
            "0000000000000000"
            "0000000000000000"
            "0000000000000000"
            "9c9bec3c0b17d0a8");
  EXPECT_EQ(Slot(1),
            "7368617264776d31"
            "0102030405060708"
            "0000000000000003"
            "0000000000000004"
            "321ce89399cfbf09");
}

TEST_F(WatermarkTest, EveryPartOnlyRises) {
  CreateAt(7);
  const auto watermark = Open();
  ASSERT_TRUE(watermark.ok());
  EXPECT_EQ((*watermark)->mark(), (SyncedMark{7, 3, 4}));
  const std::vector<std::pair<SyncedMark, SyncedMark>> rows = {
      {{6, 3, 4}, {7, 3, 4}},   {{8, 3, 4}, {8, 3, 4}},  {{8, 3, 9}, {8, 3, 9}},
      {{9, 3, 1}, {9, 3, 9}},   {{5, 4, 2}, {9, 4, 2}},  {{9, 3, 99}, {9, 4, 2}},
      {{10, 5, 0}, {10, 5, 0}}, {{0, 0, 0}, {10, 5, 0}},
  };
  for (const auto& [given, kept] : rows) {
    ASSERT_TRUE((*watermark)->Advance(given).ok());
    EXPECT_EQ((*watermark)->mark(), kept);
    EXPECT_EQ((*Open())->mark(), kept);
  }
}

TEST_F(WatermarkTest, TornSlotLeavesTheOther) {
  CreateAt(7);
  std::string bytes = ReadWholeFile(path());
  bytes[4096 + 15] ^= 1;  // the newer slot
  WriteWholeFile(path(), bytes);
  EXPECT_EQ((*Open())->mark(), SyncedMark());
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
