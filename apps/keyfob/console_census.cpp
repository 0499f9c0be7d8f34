#include "apps/keyfob/console_census.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "apps/keyfob/overview.hpp"

namespace keyfob::node {
namespace {

namespace json = boost::json;

constexpr std::array kStatuses = {GrantStatus::active, GrantStatus::suspect, GrantStatus::needs_reauth,
                                  GrantStatus::revoking, GrantStatus::revoked};

std::string text_of(const Census& census, WallTime now) {
  json::object grants;
  for (const auto status : kStatuses) grants[to_string(status)] = census.grants.of(status);
  json::array days;
  for (const auto count : census.renewals.by_day) days.emplace_back(count);
  json::object renewals{{"overdue", census.renewals.overdue}, {"later", census.renewals.later}};
  renewals["days"] = std::move(days);
  json::object out{{"at", to_rfc3339(now)}};
  out["grants"] = std::move(grants);
  out["renewals"] = std::move(renewals);
  return json::serialize(out);
}

}  // namespace

Task<Result<std::string>> ConsoleCensus::json() {
  auto answer = co_await asio::co_spawn(pool_, look(), asio::use_awaitable);
  co_return answer;
}

Task<Result<std::string>> ConsoleCensus::look() {
  if (!text_.empty() && clock_.boot() < good_until_) co_return text_;
  const WallTime now = clock_.wall();
  const auto census = take_census(store_, now);
  if (!census) co_return fail(census.error());
  text_ = text_of(*census, now);
  good_until_ = clock_.boot() + minutes(1);
  co_return text_;
}

}  // namespace keyfob::node
