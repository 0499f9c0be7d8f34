#pragma once
// AppTokenStore: application tokens (client credentials) as all nodes share them, and who renews one. A convenience:
// a node that cannot reach it fetches a token for itself. Same rules as grant_store.hpp.

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "ports/async.hpp"

namespace keyfob {

struct SharedAppToken {
  Bytes sealed{};
  std::uint64_t number = 0;  ///< of its application's tokens: another one has another; never 0
  WallTime issued_at{};
  WallTime expires_at{};
};

struct AppTokenClaim {
  AppId app;
  std::uint64_t seen = 0;  ///< the number that the asking node has; 0: none
  Milliseconds hold{};
};

/// Neither: somebody else is renewing it just now.
struct AppTokenAnswer {
  std::optional<SharedAppToken> other{};  ///< one that the asking node has not
  bool renew = false;                     ///< the asking node is to fetch the next one
};

class AppTokenStore {
 public:
  virtual ~AppTokenStore() = default;
  /// Nobody else is told to renew for `hold`, by the store's clock, unless the claim ends before.
  virtual Task<Result<AppTokenAnswer>> claim_app_token(AppTokenClaim claim) = 0;
  /// Stores a token under the next number, which is the answer, and ends the claim. not_found: nobody ever claimed it.
  virtual Task<Result<std::uint64_t>> put_app_token(AppId app, SharedAppToken token) = 0;
  /// Ends the claim without a token.
  virtual Task<Result<void>> release_app_token(AppId app) = 0;
};

}  // namespace keyfob
