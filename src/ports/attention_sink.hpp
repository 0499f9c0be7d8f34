#pragma once
// AttentionSink: where the gateway says that the provider asked for an owner.

#include <string>

#include "ports/grant_store.hpp"

namespace keyfob {

class AttentionSink {
 public:
  virtual ~AttentionSink() = default;
  /// The grant gets this attention, which blocks nothing. Any thread; returns at once; may be said for every call.
  /// `reason` is a few words without white space; `vehicle` is empty when the call named none.
  virtual void note(GrantRef ref, std::string reason, std::string vehicle) noexcept = 0;
};

}  // namespace keyfob
