#include <algorithm>
#include <utility>

#include <keyfob/token.hpp>
#include "base/bytes.hpp"

namespace keyfob {

SecretText::SecretText(std::string_view text) : text_(text.begin(), text.end()) {}
SecretText::SecretText(const SecretText& other) = default;
SecretText::SecretText(SecretText&& other) noexcept : text_(std::exchange(other.text_, {})) {}
SecretText& SecretText::operator=(SecretText other) noexcept {
  std::swap(text_, other.text_);
  return *this;
}
SecretText::~SecretText() { wipe(); }

void SecretText::wipe() noexcept { keyfob::wipe(text_.data(), text_.size()); }

}  // namespace keyfob
