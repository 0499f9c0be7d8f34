#pragma once
// What PostgresStore does to applications, callers, data keys and consent states: rare, so each is a dialogue of its
// own. A failure is left in the dialogue; the answer is then meaningless.

#include <vector>

#include "ports/directory_store.hpp"
#include "store/postgres/dialogue.hpp"

namespace keyfob::postgres {

Result<std::vector<ApplicationRecord>> applications(Dialogue& dialogue);
Result<void> put_application(Dialogue& dialogue, const ApplicationRecord& record);
Result<void> remove_application(Dialogue& dialogue, const AppId& app);

Result<std::vector<CallerRecord>> callers(Dialogue& dialogue);
Result<void> put_caller(Dialogue& dialogue, const CallerRecord& record);

Result<std::vector<WrappedDataKey>> data_keys(Dialogue& dialogue);
Result<void> put_data_keys(Dialogue& dialogue, const std::vector<WrappedDataKey>& keys);

Result<void> put_consent(Dialogue& dialogue, const ConsentState& state);
Result<ConsentState> take_consent(Dialogue& dialogue, const Bytes& state_hash, WallTime now);

/// Other nodes read the directory anew.
void note_change(Dialogue& dialogue, const AppId& app);

}  // namespace keyfob::postgres
