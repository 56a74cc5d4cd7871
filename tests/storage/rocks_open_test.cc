// Plan: damage, lock, or misuse a data folder in every way we know, and check that opening names
// what is wrong, changes nothing, and never serves less or other than what was committed.

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/db.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/random.h"
#include "storage/format.h"
#include "storage/rocks_store.h"
#include "tests/storage/store_fixture.h"

namespace shardd::storage {
namespace {

using ::testing::HasSubstr;

constexpr Family kHome{1};
constexpr int kCommits = 30;
// The header of a record in a log or a MANIFEST, with a checksum that nothing matches.
constexpr absl::string_view kRecordOf32Bytes("\x12\x34\x56\x78\x20\x00\x01", 7);

std::string ValueText(int i) { return absl::StrCat(std::string(3000, 'v'), i); }

class RocksOpenTest : public testing::Test {
 protected:
  RocksOpenTest() : data_(folder_.path("data")) {}

  absl::StatusOr<std::unique_ptr<Store>> TryOpen() const {
    RocksOptions options;
    options.path = data_;
    options.cache_bytes = size_t{1} << 20;
    options.write_buffer_bytes = size_t{4} << 20;
    options.wal_bytes_max = size_t{4} << 20;
    return OpenRocksStore(options);
  }

  std::unique_ptr<Store> Open() const {
    absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  // Keys k<from> and on, each in a batch of its own, then a clean close.
  void CommitAndClose(int from, int count) const {
    const std::unique_ptr<Store> store = Open();
    ASSERT_NE(store, nullptr);
    ASSERT_TRUE(store->CreateHome(kHome).ok());
    for (int i = from; i < from + count; ++i) {
      ASSERT_TRUE(store->Commit(OnePut(kHome, absl::StrCat("k", i), ValueText(i))).ok());
    }
    ASSERT_TRUE(store->Close().ok());
  }

  // Opening fails for this reason, says where, and leaves the folder as it is.
  // Returns the message.
  std::string ExpectRefused(OpenError kind) const {
    const auto before = FilesOf(data_);
    const absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
    EXPECT_FALSE(store.ok());
    if (store.ok()) return "";
    EXPECT_EQ(OpenErrorOf(store.status()), kind) << store.status();
    EXPECT_THAT(std::string(store.status().message()), HasSubstr(data_));
    EXPECT_EQ(ReasonOf(store.status()),
              kind == OpenError::kCorrupt ? Reason::kStorageCorrupt : Reason::kUnspecified);
    EXPECT_TRUE(FilesOf(data_) == before) << "a refused folder was changed";
    return std::string(store.status().message());
  }

  void ExpectCommits(int count) const {
    const std::unique_ptr<Store> store = Open();
    ASSERT_NE(store, nullptr);
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(ValueOf(*store, kHome, absl::StrCat("k", i)), ValueText(i)) << i;
    }
    EXPECT_EQ(Forward(*store, kHome).size(), static_cast<size_t>(count));
  }

  // The newest log with anything in it.
  std::string Log() const {
    std::vector<std::string> logs = FilesEnding(data_, ".log");
    std::erase_if(logs, [](const std::string& log) { return std::filesystem::is_empty(log); });
    EXPECT_FALSE(logs.empty());
    return logs.empty() ? "" : logs.back();
  }

  std::string ReadManifestName() const {
    std::string name = ReadWholeFile(absl::StrCat(data_, "/CURRENT"));
    name.pop_back();  // the newline
    return name;
  }

  using FamilyHandles = std::map<std::string, rocksdb::ColumnFamilyHandle*>;

  // Opens the folder with RocksDB alone, all families.
  void WithRocksDb(
      const std::function<void(rocksdb::DB&, rocksdb::ColumnFamilyHandle& meta)>& act) const {
    WithFamilies([&act](rocksdb::DB& database, FamilyHandles& families) {
      act(database, *families.at("meta"));
    });
  }
  void WithFamilies(const std::function<void(rocksdb::DB&, FamilyHandles&)>& act) const {
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, data_, &names).ok());
    for (const std::string& name : names)
      families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    rocksdb::DB* opened = nullptr;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    ASSERT_TRUE(rocksdb::DB::Open({}, data_, families, &handles, &opened).ok());
    const std::unique_ptr<rocksdb::DB> database(opened);
    FamilyHandles by_name;
    for (size_t i = 0; i < names.size(); ++i) by_name[names[i]] = handles[i];
    act(*database, by_name);
    for (auto* handle : handles) ASSERT_TRUE(database->DestroyColumnFamilyHandle(handle).ok());
    ASSERT_TRUE(database->Close().ok());
  }

  // The folder without its family of messages, saying that it is of this version.
  void DropMessages(uint16_t format) const {
    WithFamilies([format](rocksdb::DB& database, FamilyHandles& families) {
      ASSERT_TRUE(database.DropColumnFamily(families.at("messages")).ok());
      rocksdb::WriteOptions synced;
      synced.sync = true;
      const std::string version = ByteWriter().Fixed16(format).Take();
      ASSERT_TRUE(database.Put(synced, families.at("meta"), "format", version).ok());
    });
  }

  TestFolder folder_;
  const std::string data_;
};

void FlipBit(const std::string& path, size_t offset, int bit = 0) {
  std::string bytes = ReadWholeFile(path);
  ASSERT_LT(offset, bytes.size());
  bytes[offset] = static_cast<char>(bytes[offset] ^ (1 << bit));
  WriteWholeFile(path, bytes);
}

void CutFile(const std::string& path, size_t bytes_off_the_end) {
  const std::string bytes = ReadWholeFile(path);
  WriteWholeFile(path, absl::string_view(bytes).substr(0, bytes.size() - bytes_off_the_end));
}

TEST_F(RocksOpenTest, FolderInUseIsRefusedAndFreeAgainAfterwards) {
  std::unique_ptr<Store> store = Open();
  const absl::StatusOr<std::unique_ptr<Store>> second = TryOpen();
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(OpenErrorOf(second.status()), OpenError::kInUse);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(absl::StrCat("data folder ", data_, " is in use by pid ", getpid())));
  ASSERT_TRUE(store->Close().ok());
  store.reset();
  EXPECT_NE(Open(), nullptr);
}

TEST_F(RocksOpenTest, FolderOpenInRocksDbAloneIsInUseToo) {
  CommitAndClose(0, 1);
  WithRocksDb([this](rocksdb::DB&, rocksdb::ColumnFamilyHandle&) {
    const absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(OpenErrorOf(store.status()), OpenError::kInUse) << store.status();
  });
}

TEST_F(RocksOpenTest, NewerFormatIsRefused) {
  CommitAndClose(0, 1);
  WithRocksDb([](rocksdb::DB& database, rocksdb::ColumnFamilyHandle& meta) {
    rocksdb::WriteOptions synced;
    synced.sync = true;
    const std::string newer = ByteWriter().Fixed16(kFormatVersion + 1).Take();
    ASSERT_TRUE(database.Put(synced, &meta, "format", newer).ok());
  });
  const absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(OpenErrorOf(store.status()), OpenError::kNewerFormat);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("has format version 3"));
}

// Plan: a folder as version 1 left it; it opens with all it has, and is of this version then.
TEST_F(RocksOpenTest, FolderWithoutMessagesIsBroughtUpToDate) {
  CommitAndClose(0, 3);
  DropMessages(/*format=*/1);
  ExpectCommits(3);
  const std::unique_ptr<Store> store = Open();
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(ValueOf(*store, kMeta, "format"), ByteWriter().Fixed16(kFormatVersion).Take());
  EXPECT_EQ(ValueOf(*store, kMeta, "instance").size(), kInstanceBytes);
  ASSERT_TRUE(store->Commit(OnePut(kMessages, "k", "v")).ok());
  EXPECT_EQ(ValueOf(*store, kMessages, "k"), "v");
  EXPECT_THAT(store->Homes(), testing::ElementsAre(kHome));
}

TEST_F(RocksOpenTest, LostMessagesAreDamage) {
  CommitAndClose(0, 3);
  DropMessages(kFormatWithMessages);
  EXPECT_THAT(ExpectRefused(OpenError::kCorrupt), HasSubstr("messages is missing"));
  EXPECT_THAT(ExpectRefused(OpenError::kCorrupt), HasSubstr("messages is missing"));
}

TEST_F(RocksOpenTest, MissingOrMalformedFormatIsDamage) {
  for (const bool missing : {true, false}) {
    std::filesystem::remove_all(data_);
    CommitAndClose(0, 1);
    WithRocksDb([missing](rocksdb::DB& database, rocksdb::ColumnFamilyHandle& meta) {
      const rocksdb::Status status =
          missing ? database.Delete({}, &meta, "format") : database.Put({}, &meta, "format", "1");
      ASSERT_TRUE(status.ok());
    });
    const absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(OpenErrorOf(store.status()), OpenError::kCorrupt) << store.status();
  }
}

TEST_F(RocksOpenTest, UnknownFamilyIsNamedAndKept) {
  CommitAndClose(0, 3);
  WithRocksDb([](rocksdb::DB& database, rocksdb::ColumnFamilyHandle&) {
    rocksdb::ColumnFamilyHandle* stranger = nullptr;
    ASSERT_TRUE(database.CreateColumnFamily({}, "stranger", &stranger).ok());
    ASSERT_TRUE(database.DestroyColumnFamilyHandle(stranger).ok());
  });
  EXPECT_THAT(ExpectRefused(OpenError::kUnknownFamily), HasSubstr("(stranger)"));
}

TEST_F(RocksOpenTest, PathsThatCannotBeAreNamed) {
  WriteWholeFile(folder_.path("file"), "not a folder");
  for (const std::string& path : {folder_.path("file"), folder_.path("file/below")}) {
    RocksOptions options;
    options.path = path;
    const auto store = OpenRocksStore(options);
    EXPECT_EQ(OpenErrorOf(store.status()), OpenError::kIo) << store.status();
    EXPECT_THAT(std::string(store.status().message()), HasSubstr(path));
  }
  EXPECT_EQ(OpenErrorOf(OpenRocksStore(RocksOptions()).status()), OpenError::kInvalidOptions);
  RocksOptions tiny;
  tiny.path = data_;
  tiny.write_buffer_bytes = 1;
  EXPECT_EQ(OpenErrorOf(OpenRocksStore(tiny).status()), OpenError::kInvalidOptions);
  EXPECT_FALSE(std::filesystem::exists(data_));
}

TEST_F(RocksOpenTest, MissingFoldersAboveAreMade) {
  RocksOptions options;
  options.path = folder_.path("a/b/c");
  EXPECT_TRUE(OpenRocksStore(options).ok());
}

TEST_F(RocksOpenTest, MissingFilesAreDamageAndNoNewDatabaseIsMade) {
  // Reopened once, so that there is an SST besides the log.
  for (const char* ending : {"CURRENT", "WATERMARK", "MANIFEST-", ".sst"}) {
    SCOPED_TRACE(ending);
    std::filesystem::remove_all(data_);
    CommitAndClose(0, 10);
    CommitAndClose(10, 10);
    for (const auto& entry : std::filesystem::directory_iterator(data_)) {
      if (entry.path().string().find(ending) != std::string::npos) {
        std::filesystem::remove(entry.path());
      }
    }
    ExpectRefused(OpenError::kCorrupt);
  }
}

TEST_F(RocksOpenTest, RemainsWithoutCurrentAndWatermarkAreDamage) {
  CommitAndClose(0, 10);
  std::filesystem::remove(absl::StrCat(data_, "/CURRENT"));
  std::filesystem::remove(absl::StrCat(data_, "/WATERMARK"));
  ExpectRefused(OpenError::kCorrupt);
}

TEST_F(RocksOpenTest, InterruptedCreationIsFinished) {
  // What a crash leaves between the first file and the rest.
  std::filesystem::create_directory(data_);
  WriteWholeFile(absl::StrCat(data_, "/WATERMARK.tmp"), "half");
  CommitAndClose(0, 3);
  ExpectCommits(3);
}

// Plan: a crash left files that were being deleted, half gone; they are no files of the database.
TEST_F(RocksOpenTest, FilesHalfDeletedAreNoDamage) {
  CommitAndClose(0, 3);
  WriteWholeFile(absl::StrCat(data_, "/000990.log.trash"), "half");
  WriteWholeFile(absl::StrCat(data_, "/000991.sst.trash"), "half");
  ExpectCommits(3);
}

TEST_F(RocksOpenTest, MissingLogIsDamage) {
  CommitAndClose(0, kCommits);
  std::filesystem::remove(Log());
  ExpectRefused(OpenError::kCorrupt);
}

TEST_F(RocksOpenTest, DamageInTheMiddleOfTheLogIsDamage) {
  CommitAndClose(0, kCommits);
  const size_t bytes = std::filesystem::file_size(Log());
  ASSERT_GT(bytes, size_t{kCommits} * 3000);
  FlipBit(Log(), bytes / 2);
  ExpectRefused(OpenError::kCorrupt);
}

// Even if nothing but the log itself tells.
TEST_F(RocksOpenTest, DamageInTheMiddleOfTheLogIsFoundWithoutTheWatermark) {
  CommitAndClose(0, 0);
  const std::string early = ReadWholeFile(absl::StrCat(data_, "/WATERMARK"));
  CommitAndClose(0, kCommits);
  WriteWholeFile(absl::StrCat(data_, "/WATERMARK"), early);
  FlipBit(Log(), std::filesystem::file_size(Log()) / 2);
  ExpectRefused(OpenError::kCorrupt);
}

// RocksDB alone would open without the files named behind the damage.
TEST_F(RocksOpenTest, DamageAnywhereInTheManifestIsDamage) {
  CommitAndClose(0, 5);
  CommitAndClose(5, 5);
  const std::string manifest = FilesEnding(data_, ReadManifestName()).at(0);
  const std::string whole = ReadWholeFile(manifest);
  for (size_t offset = 0; offset < whole.size() && !HasFailure(); offset += 5) {
    SCOPED_TRACE(offset);
    WriteWholeFile(manifest, whole);
    FlipBit(manifest, offset);
    ExpectRefused(OpenError::kCorrupt);
  }
  WriteWholeFile(manifest, whole);
  CutFile(manifest, 1);
  ExpectRefused(OpenError::kCorrupt);
  WriteWholeFile(manifest, whole);
  ExpectCommits(10);
}

// The power goes while the MANIFEST grows: the file is longer already, the bytes never came.
TEST_F(RocksOpenTest, TornEndOfTheManifestIsCutOff) {
  CommitAndClose(0, 5);
  for (const size_t written : {0, 1, 31}) {
    SCOPED_TRACE(written);
    const std::string manifest = FilesEnding(data_, ReadManifestName()).at(0);
    WriteWholeFile(manifest, absl::StrCat(ReadWholeFile(manifest), kRecordOf32Bytes,
                                          std::string(written, 'x'),
                                          std::string(32 - written, '\0')));
    ExpectCommits(5);
  }
}

TEST_F(RocksOpenTest, OtherDamageAtTheEndOfTheManifestIsDamage) {
  CommitAndClose(0, 5);
  const std::string manifest = FilesEnding(data_, ReadManifestName()).at(0);
  const std::string whole = ReadWholeFile(manifest);
  WriteWholeFile(manifest, absl::StrCat(whole, kRecordOf32Bytes, std::string(32, 'x')));
  ExpectRefused(OpenError::kCorrupt);
  // Whole records behind it were synced, so what is before them had been, too.
  const std::string zeros(32, '\0');
  WriteWholeFile(manifest,
                 absl::StrCat(whole, kRecordOf32Bytes, zeros, whole, kRecordOf32Bytes, zeros));
  ExpectRefused(OpenError::kCorrupt);
}

TEST_F(RocksOpenTest, CutLogIsDamageIfItsEndWasKnownToBeSynced) {
  CommitAndClose(0, kCommits);
  CutFile(Log(), 1);
  EXPECT_THAT(ExpectRefused(OpenError::kCorrupt), HasSubstr("were synced, but only those up to"));
}

// A crash before the watermark caught up: the last record may never have been synced.
TEST_F(RocksOpenTest, TornTailOpens) {
  for (const size_t torn : {size_t{1}, size_t{1000}, size_t{3000}, size_t{3015}}) {
    SCOPED_TRACE(torn);
    std::filesystem::remove_all(data_);
    CommitAndClose(0, 0);
    const std::string early = ReadWholeFile(absl::StrCat(data_, "/WATERMARK"));
    CommitAndClose(0, kCommits);
    WriteWholeFile(absl::StrCat(data_, "/WATERMARK"), early);
    CutFile(Log(), torn);
    ExpectCommits(kCommits - 1);
    // The torn record is gone for good, and its place is taken.
    CommitAndClose(kCommits - 1, 1);
    ExpectCommits(kCommits);
  }
}

TEST_F(RocksOpenTest, TornTailOfZerosOpens) {
  CommitAndClose(0, 0);
  const std::string early = ReadWholeFile(absl::StrCat(data_, "/WATERMARK"));
  CommitAndClose(0, kCommits);
  WriteWholeFile(absl::StrCat(data_, "/WATERMARK"), early);
  std::string log = ReadWholeFile(Log());
  std::fill(log.end() - 2000, log.end(), '\0');
  WriteWholeFile(Log(), log);
  ExpectCommits(kCommits - 1);
}

// What a killed process would leave of a folder in use: the system keeps what was written. A file
// that goes meanwhile was not needed any more, since RocksDB clears up behind an opening in the
// background.
void CopyInUse(const std::string& from, const std::filesystem::path& to) {
  std::filesystem::create_directory(to);
  for (const auto& file : std::filesystem::directory_iterator(from)) {
    std::error_code error;
    std::filesystem::copy_file(file.path(), to / file.path().filename(), error);
    ASSERT_TRUE(!error || error == std::errc::no_such_file_or_directory)
        << file.path() << ": " << error.message();
  }
}

TEST_F(RocksOpenTest, KilledStoreKeepsWhatItCommitted) {
  CommitAndClose(0, 3);
  const std::unique_ptr<Store> store = Open();
  for (int i = 3; i < 10; ++i) {
    ASSERT_TRUE(store->Commit(OnePut(kHome, absl::StrCat("k", i), ValueText(i))).ok());
  }
  const std::string copy = folder_.path("copy");
  CopyInUse(data_, copy);
  RocksOptions options;
  options.path = copy;
  const absl::StatusOr<std::unique_ptr<Store>> recovered = OpenRocksStore(options);
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(Forward(**recovered, kHome), Forward(*store, kHome));
  EXPECT_EQ(Forward(**recovered, kHome).size(), 10u);
}

// The worst answer is a wrong one. Reads of an opened store may fail, but what they give is right.
void ExpectRightOrRefused(const absl::StatusOr<std::unique_ptr<Store>>& store, int count) {
  if (!store.ok()) {
    EXPECT_NE(OpenErrorOf(store.status()), OpenError::kOther) << store.status();
    return;
  }
  const std::unique_ptr<Cursor> cursor = (*store)->NewCursor(kHome, {});
  int seen = 0;
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) ++seen;
  if (cursor->status().ok()) {
    EXPECT_EQ(seen, count) << "changes are silently lost";
  }
  for (int i = 0; i < count; ++i) {
    std::string value;
    const absl::StatusOr<bool> found = (*store)->Get(kHome, absl::StrCat("k", i), &value);
    if (found.ok()) {
      EXPECT_TRUE(*found) << i;
      EXPECT_TRUE(value == ValueText(i)) << "a wrong value";
    } else {
      EXPECT_EQ(ReasonOf(found.status()), Reason::kStorageCorrupt) << found.status();
    }
  }
}

TEST_F(RocksOpenTest, FlippedBitsAreFoundOrHarmless) {
  CommitAndClose(0, 10);
  CommitAndClose(10, 10);
  const auto files = FilesOf(data_);
  Random random(7);
  int refused = 0;
  for (const auto& [name, bytes] : files) {
    for (int round = 0; round < 12 && !bytes.empty(); ++round) {
      const size_t offset = random.Below(bytes.size());
      SCOPED_TRACE(absl::StrCat(name, " at ", offset));
      std::filesystem::remove_all(data_);
      std::filesystem::create_directory(data_);
      for (const auto& [other, content] : files) {
        WriteWholeFile(absl::StrCat(data_, "/", other), content);
      }
      FlipBit(absl::StrCat(data_, "/", name), offset, static_cast<int>(random.Below(8)));
      const absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
      if (!store.ok()) ++refused;
      ExpectRightOrRefused(store, 20);
    }
  }
  EXPECT_GT(refused, 10) << "the sweep hits nothing that matters";
}

}  // namespace
}  // namespace shardd::storage
