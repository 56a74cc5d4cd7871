// Plan: feed the reader of source text small pieces of C++ and compare what is left of them.
#include "tests/tidy/source_text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace shardd::tidy {
namespace {

struct BlankRow {
  std::string_view name;
  std::string_view text;
  std::string_view code;
};

// Plan: comments and literals become blanks; everything else, line ends too, stays in its place.
TEST(BlankTest, LeavesOnlyCode) {
  const BlankRow rows[] = {
      {"code", "int a = b;\n", "int a = b;\n"},
      {"line comment", "a; // b\nc;", "a;     \nc;"},
      {"block comment", "a; /* b\nc */ d;", "a;     \n     d;"},
      {"open comment", "a; /* b", "a;     "},
      {"string", "f(\"b\");", "f(   );"},
      {"quote in a string", R"(f("\"b");)", "f(     );"},
      {"comment sign in a string", "f(\"//\"); g;", "f(    ); g;"},
      {"character", "f('\"'); g;", "f(   ); g;"},
      {"raw string", "f(R\"x(a)\" b)x\"); g;", "f(            ); g;"},
      {"digits", "a = 1'000'000; b;", "a = 1'000'000; b;"},
  };
  for (const BlankRow& row : rows) {
    EXPECT_EQ(Blank(row.text, Keep::kCode), row.code) << row.name;
  }
}

// Plan: an include's path is a string; it must survive where strings are kept.
TEST(BlankTest, KeepsStringsWhenAsked) {
  EXPECT_EQ(Blank("#include \"a.h\"  // why", Keep::kCodeAndStrings), "#include \"a.h\"        ");
}

// Plan: the last line counts with and without its line end; empty lines count.
TEST(LinesTest, SplitsAtLineEnds) {
  EXPECT_EQ(Lines("").size(), 0u);
  EXPECT_EQ(Lines("a\n\nb").size(), 3u);
  EXPECT_EQ(Lines("a\n\nb\n").size(), 3u);
}

struct TokenRow {
  std::string_view name;
  std::string_view line;
  std::string_view token;
  bool found;
};

// Plan: a token is a whole word, wherever it stands in the line.
TEST(HasTokenTest, FindsWholeWords) {
  const TokenRow rows[] = {
      {"alone", "throw", "throw", true},
      {"followed", "throw x;", "throw", true},
      {"part of a longer word", "throws();", "throw", false},
      {"end of a longer word", "rethrow;", "throw", false},
      {"second time", "throws; throw;", "throw", true},
      {"call", "std::rand()", "rand(", true},
      {"other call", "operand(x)", "rand(", false},
      {"absent", "return;", "throw", false},
  };
  for (const TokenRow& row : rows) {
    EXPECT_EQ(HasToken(row.line, row.token), row.found) << row.name;
  }
}

// Plan: a folder holds what is in it at any depth, a file holds itself alone.
TEST(IsInTest, KnowsFoldersAndFiles) {
  EXPECT_TRUE(IsIn("storage/a.cc", "storage/"));
  EXPECT_TRUE(IsIn("storage/rocks/a.cc", "storage/"));
  EXPECT_FALSE(IsIn("storage_other/a.cc", "storage/"));
  EXPECT_TRUE(IsIn("server/main.cc", "server/main.cc"));
  EXPECT_FALSE(IsIn("server/main.cc.bak", "server/main.cc"));
}

}  // namespace
}  // namespace shardd::tidy
