#pragma once
// ImportFlow: a long import as parts that overlap: while the store writes one, the next is sealed and the one after is
// read. Parts under way never have an owner in common, so each owner's lines are taken in their order. Each part is
// stored as a whole or not at all; several may share a transaction. Engine executor only.

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <unordered_set>
#include <vector>

#include "engine/grants.hpp"

namespace keyfob::engine {

class ImportFlow : public std::enable_shared_from_this<ImportFlow> {
 public:
  struct Part {
    std::vector<std::size_t> lines{};  ///< the caller's numbers of them
    std::optional<Result<std::vector<Result<ImportedGrant>>>> results{};
  };
  /// `grants` must outlive the flow; call finish() before it goes.
  ImportFlow(asio::any_io_executor executor, Grants& grants, AppId app, ImportRules rules)
      : executor_(executor), grants_(grants), app_(std::move(app)), rules_(rules), ended_(executor, kNever) {}

  /// At most 1000. Returns when the part has begun.
  Task<void> add(std::vector<NewGrant> grants, std::vector<std::size_t> lines);
  /// Waits for all parts and gives them in their order. One that has an error was not stored; others may be.
  Task<std::vector<std::shared_ptr<Part>>> finish();
  /// A part could not be stored: no use to go on.
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  static constexpr auto kNever = asio::steady_timer::time_point::max();
  using Owners = std::unordered_set<UserId>;
  [[nodiscard]] bool must_wait(const Owners& owners) const;
  void ended(Part& part, const Owners* owners, Result<std::vector<Result<ImportedGrant>>> results);

  asio::any_io_executor executor_;
  Grants& grants_;
  AppId app_;
  ImportRules rules_;
  asio::steady_timer ended_;  // never expires: cancelling it wakes whoever waits
  std::vector<std::shared_ptr<Part>> parts_;
  std::vector<std::shared_ptr<const Owners>> under_way_;
  bool failed_ = false;
};

}  // namespace keyfob::engine
