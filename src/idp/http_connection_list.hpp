#pragma once
// HttpConnectionList: ConnectionList over http. The list is where the profile's routes lead: management routes at
// /v2.0/management/ (paged by cursor), or application routes at /v3/connections (JSON:API, paged by number).

#include <memory>

#include "http/client.hpp"
#include "oauth/profiles.hpp"
#include "ports/clock.hpp"
#include "ports/connection_list.hpp"

namespace keyfob::idp {

/// Any thread whose executor the Client accepts. `client` and `clock` must outlive it and its calls.
class HttpConnectionList final : public ConnectionList {
 public:
  /// `timeout` is for each page.
  HttpConnectionList(std::shared_ptr<const oauth::ProfileTable> profiles, const http::Client& client,
                     const Clock& clock, Milliseconds timeout = seconds(60))
      : profiles_(std::move(profiles)), client_(client), clock_(clock), timeout_(timeout) {}

  Task<Result<ConnectionPage>> connections(ConnectionsQuery query) override;
  Task<Result<void>> disconnect(Disconnection what) override;

 private:
  Task<http::ClientOutcome> ask(const ProviderProfile* profile, http::ClientRequest request, Secret authorization);

  std::shared_ptr<const oauth::ProfileTable> profiles_;
  const http::Client& client_;
  const Clock& clock_;
  Milliseconds timeout_;
};

/// What a page of the list says; empty: not such a page.
[[nodiscard]] std::optional<ConnectionPage> read_management_page(std::string_view body);
/// `page`: its number, from 1.
[[nodiscard]] std::optional<ConnectionPage> read_application_page(std::string_view body, std::size_t page);

}  // namespace keyfob::idp
