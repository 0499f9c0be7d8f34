#include "store/postgres/connect.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

namespace keyfob::postgres {
namespace {

using Parameters = std::map<std::string, std::string>;

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

Result<Parameters> parameters_of(const std::string& url) {
  char* complaint = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(PQconninfoParse(url.c_str(), &complaint));
  PQfreemem(complaint);
  if (!options) {
    return fail(ErrorCode::invalid_argument, "[store] url is no PostgreSQL URL that libpq understands",
                "postgresql://USER@HOST[,HOST...]/DATABASE?sslmode=verify-full");
  }
  Parameters parameters;
  for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) parameters.emplace(option->keyword, option->val);
  }
  return parameters;
}

std::string in_ms(Milliseconds d) { return std::to_string(d.count()); }

/// Of a backend that is ours alone. Plans are made once; tables are small or looked up by index, whatever the
/// statistics of a young table say.
std::string session_settings(const Settings& settings) {
  return "-c statement_timeout=" + in_ms(settings.statement_timeout) +
         " -c lock_timeout=" + in_ms(settings.lock_timeout) +
         " -c idle_in_transaction_session_timeout=" + in_ms(settings.answer_timeout) +
         " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off -c "
         "plan_cache_mode=force_generic_plan "
         "-c default_transaction_isolation=read\\ committed";
}

void complete(Parameters& parameters, const Settings& settings) {
  const auto seconds_of = [](Milliseconds d) { return std::to_string(std::chrono::ceil<seconds>(d).count()); };
  parameters.emplace("connect_timeout", seconds_of(settings.connect_timeout));
  parameters.emplace("target_session_attrs", "read-write");
  parameters.emplace("application_name", "keyfob");
  parameters.emplace("client_encoding", "UTF8");
  parameters.emplace("keepalives_idle", "5");
  parameters.emplace("keepalives_interval", "2");
  parameters.emplace("keepalives_count", "3");
  parameters.emplace("tcp_user_timeout", in_ms(settings.answer_timeout));
  if (settings.own_backend) parameters["options"] = session_settings(settings) + " " + parameters["options"];
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts(1);
  for (const char c : list) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

/// What differs between the hosts of the URL.
struct Server {
  Parameters own;
};

std::vector<Server> servers_of(const Parameters& parameters) {
  std::vector<Server> servers(1);
  for (const char* key : {"host", "hostaddr", "port"}) {
    const auto found = parameters.find(key);
    if (found == parameters.end()) continue;
    const auto parts = split(found->second);
    servers.resize(std::max(servers.size(), parts.size()));
    for (std::size_t i = 0; i < servers.size(); ++i) servers[i].own[key] = parts[std::min(i, parts.size() - 1)];
  }
  return servers;
}

/// One host at a time: libpq goes on to the next one only when a host cannot be reached, not when something stands
/// there that hangs up (a proxy, a pooler, a server that is ending).
pg_conn* connect_to(Parameters parameters, const Server& server) {
  for (const auto& [keyword, value] : server.own) parameters[keyword] = value;
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : parameters) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  return PQconnectdbParams(keywords.data(), values.data(), 0);
}

}  // namespace

Result<void> check_url(const std::string& url) {
  auto parameters = parameters_of(url);
  if (!parameters) return fail(std::move(parameters.error()));
  return {};
}

Result<pg_conn*> connect(const Settings& settings) {
  auto parameters = parameters_of(settings.url);
  if (!parameters) return fail(std::move(parameters.error()));
  complete(*parameters, settings);
  const auto servers = servers_of(*parameters);
  const unsigned first = *settings.last_good;
  pg_conn* connection = nullptr;
  for (unsigned i = 0; i < servers.size(); ++i) {
    const auto number = static_cast<unsigned>((first + i) % servers.size());
    PQfinish(connection);
    connection = connect_to(*parameters, servers[number]);
    if (PQstatus(connection) != CONNECTION_OK) continue;
    *settings.last_good = number;
    break;
  }
  return connection;
}

}  // namespace keyfob::postgres
