#pragma once
// DirectToken: GET /v1/token answered where the request arrives, when its token is at hand: no coroutine, no other
// thread, no allocation. Whatever is not that simple (a token that is due or not in memory, a parameter that is encoded
// or unknown, every refusal but that of the caller) it leaves to Api::handle, whose answer is the same byte for byte.

#include <expected>
#include <string>
#include <string_view>

#include "api/endpoint.hpp"
#include "api/services.hpp"
#include "http/exchange.hpp"
#include "ports/gatekeeper.hpp"
#include "ports/token_source.hpp"

namespace keyfob::api {

/// One server thread's. The services outlive it.
class DirectToken {
 public:
  explicit DirectToken(Services& services);

  /// Whether answer() should be asked. By method and path alone; a few nanoseconds.
  [[nodiscard]] static bool wants(const http::RequestHead& request);
  /// Responds and says true, or leaves the exchange alone and says false. `caller` lives until it returns.
  [[nodiscard]] bool answer(http::Exchange& exchange, std::expected<const Admission*, AccessProblem> caller);

 private:
  [[nodiscard]] bool find(const Admission& caller, std::string_view query);
  [[nodiscard]] bool recorded(const Admission& caller);

  Services& services_;
  const Endpoint& endpoint_;
  std::string headers_;  ///< lines of every answer, and behind them those of this one
  const std::size_t usual_headers_;
  TokenSlot slot_{};
  std::string body_{};
};

}  // namespace keyfob::api
