#pragma once
/// @file
/// Client: tokens from a running daemon (`keyfob serve`), over its `GET /v1/token`.

#include <memory>
#include <string>

#include "keyfob/result.hpp"
#include "keyfob/token.hpp"

namespace keyfob {

struct ClientConfig {
  std::string url = "http://127.0.0.1:7420";  ///< plain http for this machine only
  SecretText api_key{};                       ///< kf_..., with the permission token:read
  std::string ca_file{};                      ///< PEM; empty: the system's certificates
};

/// One connection pool and one thread of its own. Any thread may call, many at once.
/// Source: docs/reference/http.md, `GET /v1/token`.
class Client {
 public:
  /// Connects when it is first asked. invalid_argument: the URL or the CA file.
  [[nodiscard]] static Expected<Client> open(ClientConfig config);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  /// Waits for calls under way.
  ~Client();

  /// Blocks until the daemon answers, at most `patience` and five seconds.
  /// Failures: those of /v1/token; unavailable: nobody answers; timeout: no answer in time.
  [[nodiscard]] Expected<Token> token(TokenQuery query);

 private:
  friend struct ClientAccess;
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keyfob
