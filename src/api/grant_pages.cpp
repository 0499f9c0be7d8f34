#include "api/grant_pages.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/nearest.hpp"

namespace keyfob::api {
namespace {

constexpr std::size_t kPage = 100;
constexpr std::size_t kLargestPage = 1000;

constexpr std::array kStatuses = {GrantStatus::active, GrantStatus::suspect, GrantStatus::needs_reauth,
                                  GrantStatus::revoking, GrantStatus::revoked};

Answer<std::optional<GrantStatus>> status_of(const std::string& name) {
  if (name.empty()) return std::optional<GrantStatus>();
  if (const auto status = grant_status_from(name)) return status;
  std::vector<std::string> names;
  std::string known = "one of:";
  for (const GrantStatus status : kStatuses) known += ' ' + names.emplace_back(to_string(status));
  const std::string near = nearest(name, names);
  return refuse("bad_request", "there is no such status", near.empty() ? known : "did you mean '" + near + "'?");
}

/// A place in the list of a caller with several users: hex of the user, a dot, the store's cursor within that user.
struct Place {
  std::string user;
  std::string cursor;
};

Result<Place> parse_place(std::string_view text) {
  if (text.empty()) return Place{};
  const auto dot = text.find('.');
  const auto user = from_hex(text.substr(0, dot));
  if (dot == std::string_view::npos || !user) {
    return fail(ErrorCode::invalid_argument, "the cursor is not one of ours", "take next_cursor from the page before");
  }
  return Place{std::string(as_text(*user)), std::string(text.substr(dot + 1))};
}

std::string format_place(std::string_view user, std::string_view cursor) {
  return to_hex(as_bytes(user)) + '.' + std::string(cursor);
}

}  // namespace

Answer<GrantFilter> grant_filter_of(const Services& services, const Call& call) {
  GrantFilter filter;
  const auto app = app_if_named(services, call);
  if (!app) return std::unexpected(app.error());
  if (*app != nullptr) filter.app = (*app)->app().id;
  const auto status = status_of(call.query.text("status"));
  if (!status) return std::unexpected(status.error());
  const auto limit = call.query.count("limit", kPage, kLargestPage);
  if (!limit) return refuse(limit.error());
  filter.user = UserId(call.query.text("user"));
  if (!filter.user.empty()) {
    if (const auto visible = may_see(call, filter.user.view()); !visible) return std::unexpected(visible.error());
  }
  filter.vehicle = VehicleId(call.query.text("vehicle"));
  filter.status = *status;
  filter.cursor = call.query.text("cursor");
  filter.limit = *limit;
  return filter;
}

Task<Result<GrantPage>> visible_grants(const Services& services, const Call& call, GrantFilter filter) {
  if (call.admission->users.empty() || !filter.user.empty()) {
    co_return co_await services.engine.grants().list(std::move(filter));
  }
  auto place = parse_place(filter.cursor);
  if (!place) co_return fail(place.error());
  std::vector<std::string> users(call.admission->users.begin(), call.admission->users.end());
  std::ranges::sort(users);
  const std::size_t limit = filter.limit;
  GrantPage page;
  for (auto user = std::ranges::lower_bound(users, place->user); user != users.end(); ++user) {
    GrantFilter theirs = filter;
    theirs.user = UserId(*user);
    theirs.cursor = *user == place->user ? place->cursor : std::string();
    theirs.limit = limit - page.grants.size();
    auto found = co_await services.engine.grants().list(std::move(theirs));
    if (!found) co_return fail(found.error());
    std::ranges::move(found->grants, std::back_inserter(page.grants));
    if (!found->next_cursor.empty()) page.next_cursor = format_place(*user, found->next_cursor);
    const bool full = page.grants.size() == limit;
    if (full && page.next_cursor.empty() && user + 1 != users.end()) page.next_cursor = format_place(user[1], "");
    if (full || !page.next_cursor.empty()) break;
  }
  co_return page;
}

}  // namespace keyfob::api
