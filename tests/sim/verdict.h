#pragma once

#include <string>
#include <utility>

namespace shardd::sim {

// Whether a run kept its promises: holds the first violation, which ends the run.
class Verdict {
 public:
  bool ok() const { return violation_.empty(); }
  const std::string& violation() const { return violation_; }

  void Fail(std::string what) {
    if (violation_.empty()) violation_ = std::move(what);
  }

 private:
  std::string violation_;
};

}  // namespace shardd::sim
