#include "tests/storage/store_fixture.h"

#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"

namespace shardd::storage {

namespace fs = std::filesystem;

TestFolder::TestFolder() {
  std::string pattern = fs::temp_directory_path() / "shardd-storage-XXXXXX";
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  path_ = pattern;
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TestFolder::path(absl::string_view name) const {
  return name.empty() ? path_.string() : (path_ / std::string(name)).string();
}

KeyValues Forward(const Reader& reader, Family family, KeyBounds bounds) {
  KeyValues found;
  const std::unique_ptr<Cursor> cursor = reader.NewCursor(family, std::move(bounds));
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    found.emplace_back(cursor->key(), cursor->value());
  }
  EXPECT_TRUE(cursor->status().ok()) << cursor->status();
  return found;
}

KeyValues Backward(const Reader& reader, Family family, KeyBounds bounds) {
  KeyValues found;
  const std::unique_ptr<Cursor> cursor = reader.NewCursor(family, std::move(bounds));
  for (cursor->SeekToLast(); cursor->Valid(); cursor->Prev()) {
    found.emplace_back(cursor->key(), cursor->value());
  }
  EXPECT_TRUE(cursor->status().ok()) << cursor->status();
  return found;
}

std::string ValueOf(const Reader& reader, Family family, absl::string_view key) {
  std::string value;
  const absl::StatusOr<bool> found = reader.Get(family, key, &value);
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() && *found ? value : "(none)";
}

WriteSet OnePut(Family family, std::string key, std::string value) {
  WriteSet writes;
  writes.Put(family, std::move(key), std::move(value));
  return writes;
}

std::vector<std::string> FilesEnding(const std::string& folder, absl::string_view ending) {
  std::vector<std::string> paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (absl::EndsWith(entry.path().string(), ending)) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::pair<std::string, std::string>> FilesOf(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string& path : FilesEnding(folder, "")) {
    const std::string name = fs::path(path).filename();
    if (name == "OWNER" || absl::StartsWith(name, "LOG")) continue;
    files.emplace_back(name, ReadWholeFile(path));
  }
  return files;
}

std::string ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void WriteWholeFile(const std::string& path, absl::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  EXPECT_TRUE(file.good()) << path;
}

}  // namespace shardd::storage
