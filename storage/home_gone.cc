#include "storage/home_gone.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"

namespace shardd::storage {
namespace {

constexpr absl::string_view kHomeGonePayload = "shardd/home-gone";

class HomeGoneCursor final : public Cursor {
 public:
  explicit HomeGoneCursor(absl::Status status) : status_(std::move(status)) {}

  bool Valid() const override { return false; }
  void SeekToFirst() override {}
  void SeekToLast() override {}
  void Seek(absl::string_view) override {}
  void SeekForPrev(absl::string_view) override {}
  void Next() override { SHARDD_CHECK(Valid()); }
  void Prev() override { SHARDD_CHECK(Valid()); }
  absl::string_view key() const override { return {}; }
  absl::string_view value() const override { return {}; }
  absl::Status status() const override { return status_; }

 private:
  const absl::Status status_;
};

}  // namespace

bool IsHomeGone(const absl::Status& status) {
  return !status.ok() && status.GetPayload(kHomeGonePayload).has_value();
}

// Should one slip through to a client after all, it is an error worth another try.
absl::Status HomeGoneError(Family home) {
  absl::Status error =
      Error(Reason::kStorageFailed, absl::StrCat("there is no home ", ToText(home)));
  error.SetPayload(kHomeGonePayload, absl::Cord());
  return error;
}

std::unique_ptr<Cursor> MakeHomeGoneCursor(Family home) {
  return std::make_unique<HomeGoneCursor>(HomeGoneError(home));
}

}  // namespace shardd::storage
