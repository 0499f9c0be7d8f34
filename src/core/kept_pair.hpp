#pragma once
// KeptPair: a token pair that is durable but not the current one yet: in a spool slot, or as a late pair in the store.

#include <string>

#include "core/grant.hpp"

namespace keyfob {

/// The answer to a use of the refresh token of version `at`, sealed as generation `at.generation + 1` of `at.epoch`, so
/// that it can be committed as it is.
struct KeptPair {
  AppId app;
  GrantId grant;
  GrantVersion at;
  SealedPair sealed;
  WallTime access_expires_at{};
  WallTime refresh_expires_at{};
  WallTime received_at{};
  std::string scope{};   ///< as the answer said; empty: unchanged
  DataKeyId data_key{};  ///< which data key sealed it; that key is not retired while this exists
  /// Which stored pair it follows: the mark of the refresh token that the record had at `at`. A store that has
  /// forgotten commits counts the same generations again, with other pairs; this tells them apart. Empty: not known.
  /// Only a spool keeps it.
  Bytes replaces{};
};

}  // namespace keyfob
