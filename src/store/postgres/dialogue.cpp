#include "store/postgres/dialogue.hpp"

#include <utility>

namespace keyfob::postgres {
namespace {

constexpr char kBegin[] = "BEGIN";
constexpr char kCommit[] = "COMMIT";
constexpr char kNoLimit[] = "SET LOCAL statement_timeout = 0";
constexpr Milliseconds kLongPatience = minutes(10);
constexpr char kRollback[] = "ROLLBACK";

}  // namespace

Dialogue::Dialogue(Session& session) : session_(session) { ask(kBegin); }

Rows Dialogue::send(const Call& call) {
  const Call* one = &call;
  auto rows = send_all({&one, 1});
  return rows.empty() ? Rows() : std::move(rows.front());
}

void Dialogue::tell(std::span<const Call> calls) {
  std::vector<const Call*> pointers;
  for (const Call& call : calls) pointers.push_back(&call);
  send_all(pointers);
}

std::vector<Rows> Dialogue::send_all(std::span<const Call* const> calls) {
  if (failure_) return {};
  auto outcome = session_.run(calls);
  if (outcome.kind == Outcome::Kind::done) return std::move(outcome.rows);
  // Nothing is committed before COMMIT: a lost answer to anything else is known not to have happened.
  if (outcome.kind == Outcome::Kind::unknown && calls.front()->sql != kCommit) outcome.kind = Outcome::Kind::unsent;
  failure_ = std::move(outcome);
  return {};
}

void Dialogue::take_your_time() {
  ask(kNoLimit);
  session_.set_patience(kLongPatience);
}

Outcome Dialogue::end(bool keep) {
  keep = keep || keep_;
  if (keep) ask(kCommit);
  if ((!keep || failure_) && session_.alive()) static_cast<void>(session_.run(call(kRollback)));
  session_.set_patience(session_.usual_patience());
  return failure_ ? std::move(*failure_) : Outcome{};
}

}  // namespace keyfob::postgres
