#pragma once
// BodySample: a copy of the beginning of a body that streams by.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace keyfob::http {

/// Not copyable. Does not allocate. Takes nothing until start().
class BodySample {
 public:
  static constexpr std::size_t kCapacity = 4096;
  BodySample() = default;
  BodySample(const BodySample&) = delete;
  BodySample& operator=(const BodySample&) = delete;

  void start() { wanted_ = true; }
  void take(std::string_view data) {
    if (!wanted_) return;
    const std::size_t size = std::min(data.size(), kCapacity - size_);
    std::copy_n(data.begin(), size, data_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += size;
  }
  [[nodiscard]] std::string_view view() const { return {data_.data(), size_}; }
  void clear() {
    wanted_ = false;
    size_ = 0;
  }

 private:
  bool wanted_ = false;
  std::size_t size_ = 0;
  std::array<char, kCapacity> data_;
};

}  // namespace keyfob::http
