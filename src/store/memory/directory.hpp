#pragma once
// Directory: applications, callers, data keys and consent states of a MemoryStore, as plain synchronous functions with
// the semantics of ports/directory_store.hpp. One thread at a time.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/application.hpp"
#include "ports/directory_store.hpp"

namespace keyfob {

class Directory {
 public:
  [[nodiscard]] std::vector<ApplicationRecord> applications() const;
  Result<void> put_application(ApplicationRecord record);
  Result<void> remove_application(const AppId& app);

  [[nodiscard]] std::vector<CallerRecord> callers() const;
  Result<void> put_caller(CallerRecord record);

  [[nodiscard]] std::vector<WrappedDataKey> data_keys() const;
  Result<void> put_data_keys(std::vector<WrappedDataKey> keys);

  Result<void> put_consent(ConsentState state);
  Result<ConsentState> take_consent(const Bytes& state_hash, WallTime now);

  /// Grows with each change of applications, callers or keys.
  [[nodiscard]] std::uint64_t revision() const { return revision_; }

 private:
  std::map<AppId, ApplicationRecord> applications_;
  std::map<CallerId, CallerRecord> callers_;
  std::map<std::pair<AppId, DataKeyId>, WrappedDataKey> keys_;
  std::map<Bytes, ConsentState> consents_;
  std::uint64_t revision_ = 0;
};

}  // namespace keyfob
