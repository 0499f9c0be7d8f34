#pragma once
// ImportFlow: a long import as parts that overlap: while the store writes one, the next is sealed and the one after is
// read. Parts under way never have an owner in common, so each owner's lines are taken in their order. Each part is
// stored as a whole or not at all; several may share a transaction. Engine executor only.

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/grants.hpp"

namespace keyfob::engine {

/// One import after the other hands in its parts, in the order in which they came: side by side they would all end at
/// once, and the store would have nothing to do until the next ones have come. Engine executor only.
class ImportTurns {
 public:
  explicit ImportTurns(const asio::any_io_executor& executor) : moved_(executor, kNever) {}

  /// Ends with its life.
  class Turn {
   public:
    Turn(ImportTurns& turns, std::uint64_t number) : turns_(&turns), number_(number) {}
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)), number_(other.number_) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->end(number_);
    }

   private:
    ImportTurns* turns_;
    std::uint64_t number_;
  };
  Task<Turn> take();

 private:
  static constexpr auto kNever = asio::steady_timer::time_point::max();
  void end(std::uint64_t number);

  asio::steady_timer moved_;  // never expires: cancelling it wakes whoever waits
  std::deque<std::uint64_t> queue_{};
  std::uint64_t last_ = 0;
};

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
