#pragma once
// DirectoryStore: applications, callers, wrapped data keys and consent states. Same rules as grant_store.hpp.

#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/application.hpp"
#include "ports/async.hpp"

namespace keyfob {

class ApplicationStore {
 public:
  virtual ~ApplicationStore() = default;
  virtual Task<Result<std::vector<ApplicationRecord>>> applications() = 0;
  /// Inserts when app.revision is 1 (conflict: the name or id exists), else replaces the record whose revision is one
  /// less.
  virtual Task<Result<void>> put_application(ApplicationRecord record) = 0;
  /// Removes the application, its grants, callers, consent states and data keys in one transaction.
  virtual Task<Result<void>> remove_application(AppId app) = 0;
};

class CallerStore {
 public:
  virtual ~CallerStore() = default;
  virtual Task<Result<std::vector<CallerRecord>>> callers() = 0;
  /// Inserts or replaces by id; conflict when another caller has the name.
  virtual Task<Result<void>> put_caller(CallerRecord record) = 0;
};

class DataKeyStore {
 public:
  virtual ~DataKeyStore() = default;
  virtual Task<Result<std::vector<WrappedDataKey>>> data_keys() = 0;
  /// All or nothing; inserts or replaces by (app, id). At most one primary per application stays: a new primary demotes
  /// the old.
  virtual Task<Result<void>> put_data_keys(std::vector<WrappedDataKey> keys) = 0;
};

class ConsentStore {
 public:
  virtual ~ConsentStore() = default;
  virtual Task<Result<void>> put_consent(ConsentState state) = 0;
  /// Takes the state out: a second call with the same hash answers not_found. Expired ones are not_found and removed.
  virtual Task<Result<ConsentState>> take_consent(Bytes state_hash, WallTime now) = 0;
};

}  // namespace keyfob
