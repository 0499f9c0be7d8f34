#pragma once
// Gather: the parts of one gathered write. Parts that touch in memory become one, so that a head that is passed on
// nearly unchanged costs a handful of parts.

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "http/head_scanner.hpp"

namespace keyfob::http {

/// Views must outlive it. Holds any head with room to spare.
class Gather {
 public:
  void add(std::string_view part) {
    if (part.empty()) return;
    if (count_ != 0) {
      iovec& last = parts_[count_ - 1];
      if (static_cast<const char*>(last.iov_base) + last.iov_len == part.data()) {
        last.iov_len += part.size();
        return;
      }
    }
    parts_[count_++] = {const_cast<char*>(part.data()), part.size()};
  }
  [[nodiscard]] std::span<const iovec> parts() const { return {parts_.data(), count_}; }

 private:
  std::size_t count_ = 0;
  std::array<iovec, kMaxFields + 28> parts_;
};

}  // namespace keyfob::http
