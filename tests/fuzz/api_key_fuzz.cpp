// fuzz: src/core/api_key.cpp src/access/credential.cpp base

// Authorization headers and API keys: a key is what has exactly the form, and nothing of the header gets lost or
// doubled.

#include <algorithm>

#include "access/credential.hpp"
#include "core/api_key.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace keyfob;

bool only(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

void judge(std::string_view text) {
  const auto parts = parse_api_key(text);
  if (!parts) return;
  CHECK("kf_" + std::string(parts->id) + "_" + std::string(parts->secret) == text);
  CHECK(parts->id.size() >= 12 && parts->id.size() <= 32 && only(parts->id, "abcdefghijklmnopqrstuvwxyz0123456789"));
  CHECK(parts->secret.size() == kApiKeySecretText);
  CHECK(only(parts->secret, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"));
}

}  // namespace

FUZZ(input) {
  judge(input);
  const access::CallerCredential credential(input);
  judge(credential.key());
  CHECK(credential.key().find('~') == std::string_view::npos);
  CHECK(credential.key().size() <= input.size());
  if (credential.names_user()) CHECK(credential.key().size() + 1 + credential.user().size() <= input.size());
  const std::string bearer = "Bearer " + std::string(input);
  const access::CallerCredential as_key(bearer);
  if (parse_api_key(input)) CHECK(as_key.key() == input && !as_key.names_user());
}
