#include "store/postgres/batch.hpp"

#include <algorithm>
#include <optional>

namespace keyfob::postgres {
namespace {

bool is_row(const Job& job) { return job.common() != nullptr; }

Call call_for(const Jobs& rows) {
  std::vector<const Arguments*> arguments;
  for (const auto& row : rows) arguments.push_back(&row->calls().front().arguments);
  Call whole{rows.front()->calls().front().sql, *rows.front()->common()};
  whole.arguments.add_columns(arguments);
  return whole;
}

}  // namespace

bool go_together(const Jobs& jobs, const Job& more) {
  const Job& first = *jobs.front();
  if (first.calls().empty() || more.calls().empty() || is_row(first) != is_row(more)) return false;
  if (!is_row(first)) return true;
  const auto same_key = [&](const auto& job) { return job->key() == more.key(); };
  return first.calls().front().sql == more.calls().front().sql && *first.common() == *more.common() &&
         std::ranges::none_of(jobs, same_key);
}

Batch::Batch(const Jobs& jobs) : jobs_(jobs) {
  if (is_row(*jobs.front())) {
    whole_ = call_for(jobs);
    calls_.push_back(&whole_);
    return;
  }
  for (const auto& job : jobs) {
    for (const auto& call : job->calls()) calls_.push_back(&call);
  }
}

void Batch::deliver(std::span<Rows> rows) const {
  std::vector<Rows> numbered;
  if (is_row(*jobs_.front())) {
    numbered = rows.front().by_number(jobs_.size());
    rows = numbered;
  }
  for (const auto& job : jobs_) {
    const auto count = job->calls().size();
    job->answered(rows.first(count));
    rows = rows.subspan(count);
    job->finish(std::nullopt);
  }
}

}  // namespace keyfob::postgres
