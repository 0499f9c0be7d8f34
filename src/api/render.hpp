#pragma once
// render: values of the domain as the JSON of docs/reference/http.md. Every answer carries Cache-Control: no-store.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/application.hpp"
#include "core/grant.hpp"
#include "engine/directory.hpp"
#include "engine/engine.hpp"
#include "http/message.hpp"
#include "ports/token_source.hpp"

namespace keyfob::api {

[[nodiscard]] http::Response empty_response(int status);
/// `json` is the text of a whole JSON value.
[[nodiscard]] http::Response json_response(int status, std::string json);

/// A grant with the name of its application.
struct NamedGrant {
  Grant grant;
  std::string app;
};
/// Never a token.
[[nodiscard]] std::string grant_json(const NamedGrant& grant);
[[nodiscard]] std::string grants_json(const std::vector<NamedGrant>& grants, std::string_view next_cursor);
[[nodiscard]] std::string app_json(const engine::ApplicationView& app);
[[nodiscard]] std::string apps_json(const std::vector<std::shared_ptr<const engine::ApplicationView>>& apps);
/// `app` is the name of the caller's application, empty for an admin of the whole installation.
[[nodiscard]] std::string caller_json(const Caller& caller, std::string_view app);
/// {"name":[items...]}, each item the text of a JSON value.
[[nodiscard]] std::string list_json(std::string_view name, const std::vector<std::string>& items);

/// One line of an import that was not stored.
struct FailedLine {
  std::size_t line = 0;  ///< from 1
  std::string code;
  std::string detail;
  std::string hint{};
};
struct ImportReport {
  std::size_t imported = 0;   ///< stored
  std::size_t replaced = 0;   ///< of them in place of an earlier pair
  std::size_t unchanged = 0;  ///< the very pair was there
  std::size_t kept = 0;       ///< what was there is newer
  std::vector<FailedLine> failed{};
};
[[nodiscard]] std::string import_json(const ImportReport& report);

/// What waits for one destination.
struct Outgoing {
  std::string to;  ///< "events", or "webhooks of NAME"
  std::uint64_t waiting = 0;
  std::uint32_t attempts = 0;  ///< of the one that was tried most often
  WallTime oldest{};
};

struct NodeReport {
  std::string version;
  bool ready = true;
  std::size_t applications = 0;
  std::size_t callers = 0;
  engine::EngineStatus engine{};
  std::vector<std::string> suspended{};           ///< names of applications
  std::optional<std::vector<Outgoing>> outbox{};  ///< empty: the store does not say
};
[[nodiscard]] std::string status_json(const NodeReport& report);
[[nodiscard]] std::string connect_json(const engine::ConnectUrl& url);
/// {"name":"value"}
[[nodiscard]] std::string pair_json(std::string_view name, std::string_view value);

}  // namespace keyfob::api
