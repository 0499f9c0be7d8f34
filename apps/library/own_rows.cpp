#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "apps/library/broker_state.hpp"

namespace keyfob::library {
namespace {

struct Meaning {
  Reason reason;
  ErrorCode code;
};

/// What a store of ours would have said. Whatever is not one of these says nothing about whether it happened.
Error error_of(const Failure& failure) {
  constexpr std::array kMeanings = {
      Meaning{Reason::unavailable, ErrorCode::unavailable}, Meaning{Reason::conflict, ErrorCode::conflict},
      Meaning{Reason::damaged, ErrorCode::damaged}, Meaning{Reason::not_found, ErrorCode::not_found},
      Meaning{Reason::unsafe, ErrorCode::unsafe}};
  const auto found = std::ranges::find(kMeanings, failure.reason, &Meaning::reason);
  const ErrorCode code = found == kMeanings.end() ? ErrorCode::timeout : found->code;
  return {code, "the store of this program: " + failure.what, failure.hint, {}};
}

/// What is thrown by somebody else's code ends here.
template <class Call>
auto guarded(Call call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& thrown) {
    return fail(ErrorCode::timeout, std::string("the store of this program threw: ") + thrown.what());
  }
}

}  // namespace

Result<MirroredRows> OwnRows::load() {
  return guarded([this]() -> Result<MirroredRows> {
    auto stored = store_->load();
    if (!stored) return fail(error_of(stored.error()));
    MirroredRows out{.number = stored->last_batch, .rows = {}};
    for (Row& row : stored->rows) out.rows.emplace(std::move(row.key), std::move(row.value));
    return out;
  });
}

Result<void> OwnRows::apply(const MirrorBatch& batch) {
  return guarded([this, &batch]() -> Result<void> {
    RowBatch out{.number = batch.number};
    for (const MirrorWrite& write : batch.writes) out.writes.push_back({write.key, write.value});
    if (auto applied = store_->apply(out); !applied) return fail(error_of(applied.error()));
    return {};
  });
}

}  // namespace keyfob::library
