#pragma once
// What the tests of SQLite's own promises share: a store in a folder, and a second hand on its file.

#include <sqlite3.h>

#include <fstream>
#include <memory>
#include <string>

#include "store/sqlite/sqlite_store.hpp"
#include "stores.hpp"

namespace keyfob::contract {

class SqliteTest : public testing::Test {
 protected:
  Result<std::unique_ptr<SqliteStore>> try_open(const std::string& file, bool create = false) {
    SqliteOptions options;
    options.create = create;
    options.clock = &clock;
    options.boot_id = boot_id;
    options.busy_timeout = Milliseconds(50);
    options.long_log_pages = long_log;
    return SqliteStore::open(file, options);
  }
  void open_new() { store = try_open(path, true).value(); }
  void reopen() {
    store.reset();
    store = try_open(path).value();
  }
  Result<void> put(const GrantRecord& record, std::optional<GrantVersion> replaces = std::nullopt) {
    std::vector<PutRequest> requests;
    requests.push_back({record, replaces});
    auto answers = run(store->put(std::move(requests)));
    if (!answers) return fail(answers.error());
    return answers->front();
  }
  Result<GrantRecord> load(const GrantRecord& record) { return run(store->load({record.grant.app, record.grant.id})); }
  Result<BeginOutcome> begin(const GrantRecord& record, const NodeIdentity& node, const char* attempt) {
    return run(store->begin(begin_request(record, node, attempt)));
  }
  /// Runs SQL beside the store. Answers the first column of the first row.
  static std::string sql(const std::string& file, const std::string& text) {
    sqlite3* handle = nullptr;
    EXPECT_EQ(sqlite3_open(file.c_str(), &handle), SQLITE_OK);
    std::string answer;
    const auto keep = [](void* to, int, char** values, char**) {
      auto& first = *static_cast<std::string*>(to);
      if (first.empty() && values[0] != nullptr) first = values[0];
      return 0;
    };
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(handle, text.c_str(), keep, &answer, &message), SQLITE_OK) << message;
    sqlite3_free(message);
    sqlite3_close(handle);
    return answer;
  }
  static std::string content(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  static void write_file(const std::string& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary) << bytes;
    std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }

  TempFolder folder;
  std::string path = folder.file("keyfob.db");
  ManualClock clock;
  std::string boot_id = "boot-1";
  int long_log = SqliteOptions{}.long_log_pages;
  std::unique_ptr<SqliteStore> store;
};

}  // namespace keyfob::contract
