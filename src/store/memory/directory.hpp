#pragma once
// Directory: applications, callers, data keys and consent states of a MemoryStore, as plain synchronous functions with
// the semantics of ports/directory_store.hpp. One thread at a time.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/application.hpp"
#include "ports/directory_store.hpp"
#include "ports/key_rotation.hpp"

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

  Result<void> change_data_keys(const AppId& app, std::vector<WrappedDataKey> before,
                                std::vector<WrappedDataKey> after);
  /// Late pairs are the caller's to look at.
  Result<void> retire_data_key(const DataKeyRef& key);
  void hold_data_keys(const NodeId& node, const std::vector<DataKeyRef>& keys, WallTime now);
  [[nodiscard]] std::vector<DataKeyHolder> data_key_holders() const;

  [[nodiscard]] bool consents_under(const AppId& app, const Bytes& header, WallTime now) const;
  Result<void> put_consent(ConsentState state);
  Result<ConsentState> take_consent(const Bytes& state_hash, WallTime now);

  /// Grows with each change of applications, callers or keys.
  [[nodiscard]] std::uint64_t revision() const { return revision_; }

 private:
  std::map<AppId, ApplicationRecord> applications_;
  std::map<CallerId, CallerRecord> callers_;
  std::map<std::pair<AppId, DataKeyId>, WrappedDataKey> keys_;
  std::map<std::pair<DataKeyRef, NodeId>, WallTime> holders_;
  std::map<Bytes, ConsentState> consents_;
  std::uint64_t revision_ = 0;
};

}  // namespace keyfob
