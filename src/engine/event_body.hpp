#pragma once
// event_body: what the backend is told, as JSON (docs/reference/events.md). Pure. No token, and no text of a peer but
// what a grant already shows.

#include <string>
#include <string_view>

#include "core/grant.hpp"
#include "core/outbox.hpp"

namespace keyfob::engine {

/// What is said of every event.
struct EventHead {
  std::string id;
  std::string name;
  WallTime at{};
  std::string app_name;
  std::string reason{};  ///< a word of ours; empty: none
};

/// About a grant, as it is after the change.
[[nodiscard]] OutboxRow grant_event(const EventHead& head, const Grant& grant);
/// About an application.
[[nodiscard]] OutboxRow application_event(const EventHead& head, const AppId& app);

}  // namespace keyfob::engine
