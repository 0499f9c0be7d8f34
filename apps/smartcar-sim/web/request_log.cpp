#include "web/request_log.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"

namespace keyfob::sim {
namespace {

constexpr std::array<std::string_view, 6> kSecretParameters{"client_secret", "refresh_token", "access_token",
                                                            "code",          "token",         "password"};

bool is_secret(std::string_view parameter) {
  return std::ranges::find(kSecretParameters, parameter) != kSecretParameters.end();
}

/// The query with the values of secret parameters digested; says whether there were any.
std::string redact(std::string_view query, bool& secret_seen) {
  std::string out;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && equals + 1 < pair.size() && is_secret(pair.substr(0, equals))) {
      secret_seen = true;
      const auto value = http::decode_component(pair.substr(equals + 1));
      out += std::string(pair.substr(0, equals + 1)) + digest_of(value.value_or(std::string(pair)));
    } else {
      out += pair;
    }
    if (end == query.size()) break;
    out += '&';
    query.remove_prefix(end + 1);
  }
  return out;
}

http::Header redact(const http::Header& header) {
  if (http::equal_no_case(header.name, "authorization")) {
    const auto space = header.value.find(' ');
    if (space == std::string::npos) return {header.name, digest_of(header.value)};
    return {header.name, header.value.substr(0, space + 1) + digest_of(header.value.substr(space + 1))};
  }
  if (http::equal_no_case(header.name, "cookie")) return {header.name, digest_of(header.value)};
  return header;
}

}  // namespace

std::string digest_of(std::string_view secret) {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
  return "sha256:" + to_hex(ByteView(digest).first(8));
}

LogEntry RequestLog::open(const http::Request& request, WallTime now) {
  LogEntry entry;
  entry.number = ++last_number_;
  entry.at = now;
  entry.method = request.method;
  entry.path = request.path();
  entry.query = redact(request.query(), entry.secret_in_url);
  for (const http::Header& header : request.headers) entry.headers.push_back(redact(header));
  entry.body_bytes = request.body.size();
  if (!request.body.empty()) entry.body_digest = digest_of(request.body);
  return entry;
}

void RequestLog::keep(LogEntry entry) {
  ++counts_[entry.route.empty() ? "unrouted" : entry.route];
  if (!entry.client_auth.empty()) ++styles_[entry.client_auth];
  if (entry.secret_in_url) ++secrets_in_urls_;
  entries_.push_back(std::move(entry));
  if (entries_.size() > capacity_) entries_.pop_front();
}

void RequestLog::clear() {
  entries_.clear();
  counts_.clear();
  styles_.clear();
  secrets_in_urls_ = 0;
}

}  // namespace keyfob::sim
