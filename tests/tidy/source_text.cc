#include "tests/tidy/source_text.h"

#include <cctype>
#include <cstddef>

namespace shardd::tidy {
namespace {

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Where the piece that begins at `start` ends: just behind `end`, or the end of the text.
size_t EndOf(std::string_view text, size_t start, std::string_view end) {
  const size_t found = text.find(end, start);
  return found == std::string_view::npos ? text.size() : found + end.size();
}

size_t EndOfQuoted(std::string_view text, size_t start) {
  const char quote = text[start];
  size_t at = start + 1;
  while (at < text.size() && text[at] != quote && text[at] != '\n') {
    at += text[at] == '\\' ? 2 : 1;
  }
  return at < text.size() ? at + 1 : text.size();
}

size_t EndOfRawString(std::string_view text, size_t quote) {
  const size_t open = text.find('(', quote);
  if (open == std::string_view::npos) return text.size();
  const std::string end = ")" + std::string(text.substr(quote + 1, open - quote - 1)) + "\"";
  return EndOf(text, open, end);
}

// A quote between two digits or letters separates the digits of a number.
bool IsDigitSeparator(std::string_view text, size_t at) {
  return text[at] == '\'' && at > 0 && at + 1 < text.size() &&
         std::isxdigit(static_cast<unsigned char>(text[at - 1])) != 0 &&
         std::isxdigit(static_cast<unsigned char>(text[at + 1])) != 0;
}

struct Piece {
  size_t end;
  bool is_string;
};

// The comment or literal that begins at `at`; an empty piece if none does.
Piece PieceAt(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("//")) return {.end = EndOf(text, at, "\n"), .is_string = false};
  if (rest.starts_with("/*")) return {.end = EndOf(text, at + 2, "*/"), .is_string = false};
  if (rest.starts_with("R\"") && (at == 0 || !IsWord(text[at - 1]))) {
    return {.end = EndOfRawString(text, at + 1), .is_string = true};
  }
  const bool quoted = rest.front() == '"' || rest.front() == '\'';
  if (quoted && !IsDigitSeparator(text, at)) {
    return {.end = EndOfQuoted(text, at), .is_string = true};
  }
  return {.end = at, .is_string = false};
}

}  // namespace

std::string Blank(std::string_view text, Keep keep) {
  std::string out(text);
  size_t at = 0;
  while (at < text.size()) {
    const Piece piece = PieceAt(text, at);
    if (piece.end == at) {
      ++at;
      continue;
    }
    const bool kept = piece.is_string && keep == Keep::kCodeAndStrings;
    for (; at < piece.end; ++at) {
      if (!kept && out[at] != '\n') out[at] = ' ';
    }
  }
  return out;
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

bool HasToken(std::string_view line, std::string_view token) {
  for (size_t at = line.find(token); at != std::string_view::npos; at = line.find(token, at + 1)) {
    const size_t end = at + token.size();
    const bool starts = at == 0 || !IsWord(line[at - 1]) || !IsWord(token.front());
    const bool ends = end == line.size() || !IsWord(line[end]) || !IsWord(token.back());
    if (starts && ends) return true;
  }
  return false;
}

bool IsIn(std::string_view path, std::string_view place) {
  return place.ends_with('/') ? path.starts_with(place) : path == place;
}

bool IsCpp(std::string_view path) { return path.ends_with(".cc") || path.ends_with(".h"); }

std::string_view FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

}  // namespace shardd::tidy
