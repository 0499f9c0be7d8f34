#pragma once
// PackedTexts: short texts one behind the other in one piece of memory, each behind its 16-bit length.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string_view>

namespace keyfob {

/// A view; does not own the memory. Each text has at most 65535 bytes.
class PackedTexts {
 public:
  class Iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(const char* at) : at_(at) {}
    [[nodiscard]] std::string_view operator*() const { return {at_ + kLengthSize, length()}; }
    Iterator& operator++() {
      at_ += kLengthSize + length();
      return *this;
    }
    Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    [[nodiscard]] std::size_t length() const {
      std::uint16_t size = 0;
      std::memcpy(&size, at_, kLengthSize);
      return size;
    }
    const char* at_ = nullptr;
  };

  PackedTexts() = default;
  explicit PackedTexts(std::string_view packed) : packed_(packed) {}
  [[nodiscard]] Iterator begin() const { return Iterator(packed_.data()); }
  [[nodiscard]] Iterator end() const { return Iterator(packed_.data() + packed_.size()); }
  [[nodiscard]] bool empty() const { return packed_.empty(); }

  /// What one text takes.
  [[nodiscard]] static constexpr std::size_t size_of(std::string_view text) { return kLengthSize + text.size(); }
  /// Writes it at `at` and answers where the next one goes.
  static char* put(char* at, std::string_view text) {
    const auto size = static_cast<std::uint16_t>(text.size());
    std::memcpy(at, &size, kLengthSize);
    text.copy(at + kLengthSize, text.size());
    return at + size_of(text);
  }

 private:
  static constexpr std::size_t kLengthSize = sizeof(std::uint16_t);
  std::string_view packed_;
};
static_assert(std::forward_iterator<PackedTexts::Iterator>);

}  // namespace keyfob
