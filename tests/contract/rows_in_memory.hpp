#pragma once
// RowsInMemory: somebody else's store, as strict as its contract.

#include <optional>

#include "ports/row_mirror.hpp"

namespace keyfob::contract {

class RowsInMemory final : public RowMirror {
 public:
  Result<MirroredRows> load() override { return rows; }
  Result<void> apply(const MirrorBatch& batch) override {
    ++asked;
    if (failure) return fail(*failure);
    if (batch.number != rows.number + 1) return fail(ErrorCode::conflict, "another writer");
    rows.number = batch.number;
    for (const MirrorWrite& write : batch.writes) {
      if (write.value)
        rows.rows[write.key] = *write.value;
      else
        rows.rows.erase(write.key);
    }
    return {};
  }

  MirroredRows rows{};
  std::optional<Error> failure{};
  int asked = 0;
};

}  // namespace keyfob::contract
