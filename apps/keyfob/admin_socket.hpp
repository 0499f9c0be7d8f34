#pragma once
// AdminSocket: ApiTransport over the 0600 Unix socket of a running daemon. The kernel proves who is calling.

#include <filesystem>
#include <memory>

#include "apps/keyfob/api_transport.hpp"

namespace keyfob::cli {

/// One connection per request: a command makes a handful. Waits at most 60 s for an answer.
class AdminSocket final : public ApiTransport {
 public:
  /// unavailable: nobody listens there. forbidden: the socket belongs to another user.
  [[nodiscard]] static Result<std::unique_ptr<ApiTransport>> connect(const std::filesystem::path& socket);
  explicit AdminSocket(std::filesystem::path socket) : socket_(std::move(socket)) {}

  Result<http::Response> send(http::Request request) override;

 private:
  std::filesystem::path socket_;
};

/// The answer in `bytes` (RFC 9112), which end where the connection did. damaged: cut short or not HTTP.
[[nodiscard]] Result<http::Response> parse_whole_response(std::string_view bytes);

}  // namespace keyfob::cli
