#include "access/credential.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace keyfob::access {
namespace {

constexpr char kBeforeUser = '~';  // neither in base64url nor in the prefix of a key

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// What follows the scheme's name (RFC 9110 section 11.4: it has no case) and one space or more; empty: another scheme.
std::string_view after_scheme(std::string_view authorization, std::string_view scheme) {
  if (authorization.size() <= scheme.size() || authorization[scheme.size()] != ' ') return {};
  const auto same = [](char a, char b) { return lower(a) == b; };
  if (!std::ranges::equal(authorization.substr(0, scheme.size()), scheme, same)) return {};
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' ', scheme.size()), authorization.size()));
  return authorization;
}

WipedString password_of(std::string_view credentials) {
  WipedString password = wiped_string();
  auto bytes = from_base64(credentials);
  if (!bytes) return password;
  const std::string_view pair = as_text(*bytes);
  if (const auto colon = pair.find(':'); colon != std::string_view::npos) password.append(pair.substr(colon + 1));
  wipe(bytes->data(), bytes->size());
  return password;
}

}  // namespace

CallerCredential::CallerCredential(std::string_view authorization)
    : text_(wiped_string(after_scheme(authorization, "bearer"))) {
  if (const auto basic = after_scheme(authorization, "basic"); !basic.empty()) text_ = password_of(basic);
  end_of_key_ = std::min(text_.find(kBeforeUser), text_.size());
}

}  // namespace keyfob::access
