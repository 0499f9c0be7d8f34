#include "engine/import_flow.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace keyfob::engine {
namespace {

/// What waits together is written together: pages of an index that several parts touch are written once. While one half
/// is written, the other is made ready; nobody else's write waits for more than these.
constexpr std::size_t kUnderWay = 16;

}  // namespace

Task<ImportTurns::Turn> ImportTurns::take() {
  Turn turn(*this, ++last_);
  const std::uint64_t number = last_;
  queue_.push_back(number);
  while (queue_.front() != number) co_await moved_.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return turn;
}

void ImportTurns::end(std::uint64_t number) {
  std::erase(queue_, number);
  moved_.cancel();
}

bool ImportFlow::must_wait(const Owners& owners) const {
  if (under_way_.size() >= kUnderWay) return true;
  return std::ranges::any_of(under_way_, [&](const std::shared_ptr<const Owners>& others) {
    return std::ranges::any_of(owners, [&](const UserId& owner) { return others->contains(owner); });
  });
}

Task<void> ImportFlow::add(std::vector<NewGrant> grants, std::vector<std::size_t> lines) {
  const auto owners = std::make_shared<Owners>();
  for (const NewGrant& grant : grants) owners->insert(grant.user);
  while (must_wait(*owners)) co_await ended_.async_wait(asio::as_tuple(asio::use_awaitable));
  const auto part = std::make_shared<Part>();
  part->lines = std::move(lines);
  parts_.push_back(part);
  under_way_.push_back(owners);
  AppId app = app_;
  auto on_end = [self = shared_from_this(), part, owners](const std::exception_ptr& thrown,
                                                          Result<std::vector<Result<ImportedGrant>>> results) {
    if (thrown) results = fail(ErrorCode::internal, "the import failed unexpectedly");
    self->ended(*part, owners.get(), std::move(results));
  };
  asio::co_spawn(executor_, grants_.import_many(std::move(app), std::move(grants), rules_), std::move(on_end));
}

void ImportFlow::ended(Part& part, const Owners* owners, Result<std::vector<Result<ImportedGrant>>> results) {
  failed_ = failed_ || !results;
  part.results = std::move(results);
  std::erase_if(under_way_, [owners](const auto& one) { return one.get() == owners; });
  ended_.cancel();
}

Task<std::vector<std::shared_ptr<ImportFlow::Part>>> ImportFlow::finish() {
  while (!under_way_.empty()) co_await ended_.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return std::move(parts_);
}

}  // namespace keyfob::engine
