#pragma once
// FilledFile: a store's file with many grants of one application, for tests of what statements cost. Tests only.

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "store/sqlite/file_guard.hpp"
#include "store/sqlite/grant_queries.hpp"
#include "store/sqlite/schema.hpp"

namespace keyfob::sqlite {

inline const AppId kApp("app-1");

[[nodiscard]] inline WallTime at(std::int64_t second) { return from_unix_ms(1'700'000'000'000 + second * 1000); }

/// Due at at(1000 + number), to be renewed by at(9000 + number).
[[nodiscard]] inline GrantRecord make_grant(int number) {
  const auto text = std::to_string(number);
  GrantRecord record;
  record.grant.app = kApp;
  record.grant.id = GrantId("g" + text);
  record.grant.user = UserId("user-" + text);
  record.grant.vehicles = {VehicleId("vehicle-" + text)};
  record.grant.version = {Generation(1), Epoch(1)};
  record.grant.due_at = at(1000 + number);
  record.grant.renew_by = at(9000 + number);
  record.sealed = {Bytes(84, 'a'), Bytes(84, 'r')};
  record.association_mac = Bytes(32, 'm');
  return record;
}

class FilledFile {
 public:
  explicit FilledFile(int grants) {
    std::string name = (std::filesystem::temp_directory_path() / "keyfob-cost-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    const auto path = folder_ + "/keyfob.db";
    if (!create_private_file(path)) throw std::runtime_error("no file");
    connection = Connection::open(path, {}).value();
    if (!migrate(*connection, EmptyFile::make_store)) throw std::runtime_error("no schema");
    connection->execute("PRAGMA synchronous=OFF");
    connection->execute("BEGIN IMMEDIATE");
    for (int i = 0; i < grants; ++i) static_cast<void>(put(*connection, {make_grant(i), std::nullopt}));
    connection->execute("COMMIT");
    if (connection->failed()) throw std::runtime_error(connection->take_failure()->what);
  }
  ~FilledFile() {
    connection.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  FilledFile(const FilledFile&) = delete;
  FilledFile& operator=(const FilledFile&) = delete;

  [[nodiscard]] StoreTime now() const { return {boot_id_, 1'000'000, to_unix_ms(at(0))}; }

  std::unique_ptr<Connection> connection;

 private:
  std::string folder_;
  std::string boot_id_ = "boot-1";
};

}  // namespace keyfob::sqlite
