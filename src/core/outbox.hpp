#pragma once
// OutboxRow: one message that has to reach somebody, and Notice: one that is written together with a change of a grant.
// A store keeps them until they were delivered; they hold no token.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "core/grant.hpp"

namespace keyfob {

/// Where an application's events and those of its grants go: the URL of [events]. Every other destination is the id of
/// an application, whose own webhook URL is meant.
inline constexpr std::string_view kEventsDestination = "events";

struct OutboxRow {
  std::string id;           ///< unique; a receiver knows a repetition by it
  std::string destination;  ///< kEventsDestination, or an application's id
  AppId app;
  std::string stream;  ///< rows of one destination and stream are delivered one after the other
  std::string name;    ///< "grant.connected", ...; for a forwarded webhook "webhook"
  std::string body;    ///< what is sent, byte for byte
  WallTime at{};
};

/// Written in the transaction of the change it comes with, if that change took effect and the grant's status before it
/// was one of `from`: so it is told once per change, however many nodes try to make it. Empty: whatever it was.
struct Notice {
  OutboxRow row;
  std::vector<GrantStatus> from{};
  /// `before` empty: there was no grant.
  [[nodiscard]] bool fits(std::optional<GrantStatus> before) const {
    return from.empty() || (before && std::ranges::find(from, *before) != from.end());
  }
};

/// Something that is so or is not, shared by all nodes: an application is suspended, a webhook was seen.
struct Mark {
  AppId app;
  std::string name;
  std::optional<WallTime> until{};  ///< set, and forgotten after this; empty: taken away
};

/// A row that this node may deliver now.
struct ClaimedRow {
  std::uint64_t position = 0;
  OutboxRow row;
  std::uint32_t attempts = 0;  ///< this one included
};

/// What became of a claimed row. Without `retry_after` it is done with: delivered, or given up.
struct Settled {
  std::uint64_t position = 0;
  std::optional<Milliseconds> retry_after{};
};

/// What waits for one destination.
struct OutboxDepth {
  std::string destination;
  std::uint64_t rows = 0;
  std::uint32_t attempts = 0;  ///< of the row that was tried most often
  WallTime oldest{};
};

}  // namespace keyfob
