#pragma once
// What was asked of the simulator, with every secret replaced by a digest, so that a test can count, compare and prove
// that nothing leaked. Not thread-safe.

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "http/message.hpp"

namespace keyfob::sim {

/// "sha256:" and the first 16 hex digits: enough to recognise a secret one knows.
[[nodiscard]] std::string digest_of(std::string_view secret);

struct LogEntry {
  std::uint64_t number = 0;
  WallTime at{};
  std::string request_id;
  std::string method;
  std::string path;
  std::string query;                    ///< secrets digested
  std::vector<http::Header> headers{};  ///< secrets digested
  std::string body_digest{};
  std::size_t body_bytes = 0;
  std::string route{};  ///< pattern that matched
  int status = 0;
  std::string fault{};  ///< name of the fault that struck

  std::string client_auth{};  ///< token endpoint: basic, body, query or none
  std::string client_id{};
  std::string grant_type{};
  std::string outcome{};     ///< rotated, replayed, exchanged, issued, or why it was refused
  std::string credential{};  ///< digest of the bearer token, refresh token or code presented
  std::string user{};
  std::string vehicle{};
  bool secret_in_url = false;
};

class RequestLog {
 public:
  explicit RequestLog(std::size_t capacity = 10'000) : capacity_(capacity) {}

  /// An entry for a request just received; it is in the log once it is given to `keep`.
  [[nodiscard]] LogEntry open(const http::Request& request, WallTime now);
  void keep(LogEntry entry);

  [[nodiscard]] const std::deque<LogEntry>& entries() const { return entries_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t secrets_in_urls() const { return secrets_in_urls_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& client_auth_styles() const { return styles_; }
  void clear();

 private:
  std::size_t capacity_;
  std::uint64_t last_number_ = 0;
  std::deque<LogEntry> entries_;
  std::map<std::string, std::uint64_t> counts_;  // "GET /v2.0/user" -> requests
  std::map<std::string, std::uint64_t> styles_;
  std::uint64_t secrets_in_urls_ = 0;
};

}  // namespace keyfob::sim
