#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "storage/store.h"

namespace shardd::storage {

// A folder of its own that goes away with the test.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  // Of `name` in it; of the folder itself if empty.
  std::string path(absl::string_view name = "") const;

 private:
  std::filesystem::path path_;
};

using KeyValues = std::vector<std::pair<std::string, std::string>>;

// What a cursor over the bounds shows, forward and from the end. Expects no error.
KeyValues Forward(const Reader& reader, Family family, KeyBounds bounds = {});
KeyValues Backward(const Reader& reader, Family family, KeyBounds bounds = {});

// The value of a key, or "(none)". Expects no error.
std::string ValueOf(const Reader& reader, Family family, absl::string_view key);

WriteSet OnePut(Family family, std::string key, std::string value);

// Every file of a folder and its bytes, without what opening always writes: OWNER and LOG*.
std::vector<std::pair<std::string, std::string>> FilesOf(const std::string& folder);

// The files whose names end so, oldest (by name) first.
std::vector<std::string> FilesEnding(const std::string& folder, absl::string_view ending);
std::string ReadWholeFile(const std::string& path);
void WriteWholeFile(const std::string& path, absl::string_view bytes);

}  // namespace shardd::storage
