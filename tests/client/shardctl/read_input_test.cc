// Plan: read inputs that end, that are too large, and that fail in the middle: of these no byte may
// be taken for the whole, no line and no record be given of which only a part was read.
#include "client/shardctl/read_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <exception>
#include <ios>
#include <sstream>
#include <streambuf>
#include <string>
#include <utility>

#include "client/shardctl/deb822_reader.h"
#include "client/shardctl/jsonl_record.h"

namespace shardd::shardctl {
namespace {

using ::testing::HasSubstr;

// Gives `text` and then fails as a file does: by an exception.
class FailingBuffer : public std::streambuf {
 public:
  explicit FailingBuffer(std::string text) : text_(std::move(text)) {}

 private:
  int_type underflow() override {
    if (given_) std::rethrow_exception(std::make_exception_ptr(std::ios_base::failure("broken")));
    given_ = true;
    setg(text_.data(), text_.data(), text_.data() + text_.size());
    return text_.empty() ? underflow() : traits_type::to_int_type(text_.front());
  }

  std::string text_;
  bool given_ = false;
};

size_t CountRecords(RecordReader& reader) {
  size_t count = 0;
  while (reader.Next()) ++count;
  return count;
}

TEST(ReadInputTest, ReadsToTheEnd) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1} << 20, (size_t{1} << 20) + 1}) {
    std::istringstream in(std::string(size, 'x'));
    const auto bytes = ReadAll(in, "x", size);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ(bytes->size(), size);
  }
}

TEST(ReadInputTest, WhatIsTooLargeIsRefusedByName) {
  std::istringstream in("1234567");
  const auto bytes = ReadAll(in, "standard input", 5);
  EXPECT_THAT(bytes.status().message(), HasSubstr("standard input has more than 5 bytes"));
  EXPECT_EQ(in.tellg(), 6);
}

TEST(ReadInputTest, AFailureIsNotTheEnd) {
  for (const char* text : {"", "half"}) {
    FailingBuffer buffer(text);
    std::istream in(&buffer);
    EXPECT_THAT(ReadAll(in, "trace.bin", 100).status().message(),
                HasSubstr("trace.bin cannot be read to its end"));
  }
}

TEST(ReadInputTest, HalfARecordIsNotGiven) {
  // More than is read at once, so that the failure comes when half of the second record is there.
  const std::string long_text(size_t{300} << 10, ' ');
  FailingBuffer stanzas("Package: a\nVersion: 1\n\nPackage: b\nVersion: 1\nText:" + long_text);
  std::istream deb822(&stanzas);
  Deb822Reader packages(deb822, "debian");
  EXPECT_EQ(CountRecords(packages), 1u);
  EXPECT_FALSE(CheckEnd(deb822, "x").ok());

  FailingBuffer lines("{\"id\":\"a\"}\n{\"id\":\"b\"}" + long_text);
  std::istream jsonl(&lines);
  JsonlReader accounts(jsonl, "shop");
  EXPECT_EQ(CountRecords(accounts), 1u);
  EXPECT_FALSE(CheckEnd(jsonl, "x").ok());
}

}  // namespace
}  // namespace shardd::shardctl
