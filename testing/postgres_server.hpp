#pragma once
// PostgresServer: a real PostgreSQL of the test's own: in a temporary folder, on a Unix socket, as an unprivileged user
// when the test is root. It ends with the test, also when that is killed.

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace keyfob {

class PostgresServer {
 public:
  /// `settings`: more lines for postgresql.conf. Ends the process with a message when it cannot be started.
  explicit PostgresServer(std::vector<std::string> settings = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// "postgresql:///postgres?host=...&user=keyfob", with more parameters behind it.
  [[nodiscard]] std::string url(const std::string& more = {}) const;
  /// Where its socket is.
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path data() const { return folder_ / "data"; }

  void start();
  /// SIGINT: connections are ended, everything is on disk.
  void stop();
  /// As a power cut: what was not on disk is gone.
  void crash();
  /// Starts a PgBouncer in transaction mode before this server, whose connections find what is in `schema` first, and
  /// answers its URL. It ends with the server; there is one at most.
  [[nodiscard]] std::string pooler(const std::string& schema);
  /// Makes `file` readable for the server only.
  void own(const std::filesystem::path& file) const;

 private:
  void make(const std::vector<std::string>& settings);
  static void end(pid_t& process, int signal);
  [[nodiscard]] bool ready() const;
  [[nodiscard]] pid_t spawn(const std::vector<std::string>& arguments) const;

  std::filesystem::path programs_;
  std::filesystem::path folder_;
  pid_t server_ = -1;
  pid_t pooler_ = -1;
};

/// Runs SQL on a connection of its own; the first column of the first row, empty when there is none. Ends the process
/// with a message when the server refuses it.
std::string postgres_sql(const std::string& url, const std::string& sql);

}  // namespace keyfob
