#include "http/header_block.hpp"

#include <algorithm>
#include <cstring>

#include "base/bytes.hpp"
#include "http/char_class.hpp"
#include "http/head_scanner.hpp"
#include "http/message.hpp"

namespace keyfob::http {
namespace {

char* put(char* at, std::string_view text) {
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

}  // namespace

bool HeaderBlock::add(std::string_view name, std::string_view prefix, std::string_view value) {
  const std::size_t needed = name.size() + prefix.size() + value.size() + 4;
  if (needed > kCapacity - size_ || count_ == kLines) return false;
  if (!is_token(name) || !is_field_value(prefix) || !is_field_value(value)) return false;
  char* at = put(data_.data() + size_, name);
  at = put(at, ": ");
  at = put(at, prefix);
  at = put(at, value);
  put(at, "\r\n");
  lines_[count_++] = {static_cast<std::uint16_t>(size_), static_cast<std::uint16_t>(name.size())};
  size_ += needed;
  return true;
}

bool HeaderBlock::has(std::string_view name) const {
  for (std::size_t i = 0; i < count_; ++i) {
    const Line& line = lines_[i];
    const std::string_view own(data_.data() + line.begin, line.name_size);
    const auto same = [](char a, char b) { return fold_name(a) == fold_name(b); };
    if (std::equal(own.begin(), own.end(), name.begin(), name.end(), same)) return true;
  }
  return false;
}

void HeaderBlock::clear() {
  wipe(data_.data(), size_);
  size_ = 0;
  count_ = 0;
}

}  // namespace keyfob::http
