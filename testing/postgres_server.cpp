#include "testing/postgres_server.hpp"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <thread>

namespace keyfob {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "PostgresServer: %s\n", why.c_str());
  std::exit(1);
}

/// Debian keeps the servers of all versions apart and off the PATH.
fs::path find_programs() {
  if (const char* named = std::getenv("KEYFOB_POSTGRES_BIN")) return named;
  fs::path newest;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", none)) {
    if (fs::exists(entry.path() / "bin/postgres") && entry.path() > newest) newest = entry.path();
  }
  if (newest.empty()) give_up("there is no PostgreSQL in /usr/lib/postgresql; `make deps` installs it");
  return newest / "bin";
}

/// PostgreSQL refuses to run as root.
const passwd* unprivileged() {
  if (::geteuid() != 0) return nullptr;
  for (const char* name : {"postgres", "nobody"}) {
    if (const passwd* user = ::getpwnam(name)) return user;
  }
  give_up("root needs a user postgres or nobody to run the server");
}

void become(const passwd* user) {
  if (user == nullptr) return;
  if (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0) ::_exit(126);
}

}  // namespace

PostgresServer::PostgresServer(std::vector<std::string> settings) : programs_(find_programs()) {
  std::string name = (fs::temp_directory_path() / "keyfob-pg-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) give_up("cannot make a folder");
  folder_ = name;
  own(folder_);
  make(settings);
  start();
}

PostgresServer::~PostgresServer() {
  end(pooler_, SIGKILL);
  end(server_, SIGQUIT);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void PostgresServer::own(const fs::path& file) const {
  const passwd* user = unprivileged();
  if (user != nullptr && ::chown(file.c_str(), user->pw_uid, user->pw_gid) != 0) give_up("cannot chown");
  ::chmod(file.c_str(), fs::is_directory(file) ? 0700 : 0600);
}

pid_t PostgresServer::spawn(const std::vector<std::string>& arguments) const {
  const passwd* user = unprivileged();
  const std::string log = (folder_ / "log").string();
  std::vector<char*> pointers;
  for (const auto& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  become(user);
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  ::umask(077);
  if (::chdir(folder_.c_str()) != 0) ::_exit(126);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::execv(pointers[0], pointers.data());
  ::_exit(127);
}

void PostgresServer::make(const std::vector<std::string>& settings) {
  const auto child = spawn({programs_ / "initdb", "-D", data(), "-U", "keyfob", "--auth=trust", "--no-sync",
                            "--no-instructions", "-E", "UTF8", "--locale=C"});
  int status = 0;
  if (::waitpid(child, &status, 0) != child || status != 0) give_up("initdb failed, see " + (folder_ / "log").string());
  std::ofstream conf(data() / "postgresql.conf", std::ios::app);
  conf << "listen_addresses = ''\nunix_socket_directories = '" << folder_.string()
       << "'\nfsync = off\nmax_connections = 60\nshared_buffers = 32MB\nautovacuum_naptime = 5s\n"
       << "wal_level = replica\nmax_wal_senders = 4\n";
  for (const auto& line : settings) conf << line << '\n';
}

bool PostgresServer::ready() const {
  std::ifstream file(data() / "postmaster.pid");
  std::string line;
  for (int i = 0; i < 8; ++i) {
    if (!std::getline(file, line)) return false;
  }
  return line.starts_with("ready");
}

void PostgresServer::start() {
  server_ = spawn({programs_ / "postgres", "-D", data()});
  for (int i = 0; i < 3000 && !ready(); ++i) {
    if (::waitpid(server_, nullptr, WNOHANG) != 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (!ready()) give_up("the server does not start, see " + (folder_ / "log").string());
}

void PostgresServer::stop() { end(server_, SIGINT); }

void PostgresServer::crash() { end(server_, SIGQUIT); }

void PostgresServer::end(pid_t& process, int signal) {
  if (process < 0) return;
  ::kill(process, signal);
  ::waitpid(process, nullptr, 0);
  process = -1;
}

std::string PostgresServer::pooler(const std::string& schema) {
  constexpr char kProgram[] = "/usr/sbin/pgbouncer";
  if (!fs::exists(kProgram)) give_up("there is no PgBouncer; `make deps` installs it");
  const std::string folder = folder_.string();
  std::ofstream(folder_ / "users") << "\"keyfob\" \"\"\n";
  std::ofstream(folder_ / "pooler.ini") << "[databases]\npostgres = host=" << folder
                                        << " port=5432 user=keyfob connect_query='SET search_path TO " << schema
                                        << ", pg_catalog'\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\n"
                                        << "unix_socket_dir = " << folder
                                        << "\nauth_type = trust\nauth_file = " << folder
                                        << "/users\npool_mode = transaction\nmax_client_conn = 200\n"
                                        << "default_pool_size = 8\n";
  for (const char* name : {"users", "pooler.ini"}) own(folder_ / name);
  pooler_ = spawn({kProgram, "-q", folder_ / "pooler.ini"});
  const auto socket = folder_ / ".s.PGSQL.6432";
  for (int i = 0; i < 3000 && !fs::exists(socket); ++i) {
    if (::waitpid(pooler_, nullptr, WNOHANG) != 0) give_up("the pooler does not start, see " + folder + "/log");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return url("&port=6432");
}

std::string PostgresServer::url(const std::string& more) const {
  return "postgresql:///postgres?host=" + folder_.string() + "&user=keyfob" + more;
}

std::string postgres_sql(const std::string& url, const std::string& sql) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(url.c_str()), PQfinish);
  PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()), PQclear);
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) give_up(sql + ": " + PQerrorMessage(connection.get()));
  if (PQntuples(result.get()) == 0 || PQnfields(result.get()) == 0) return {};
  return PQgetvalue(result.get(), 0, 0);
}

}  // namespace keyfob
