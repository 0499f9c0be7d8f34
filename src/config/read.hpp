#pragma once
// One function for each section of keyfob.toml: keys into the Config, what is wrong with them into the problems.

#include <filesystem>
#include <span>
#include <string>

#include "config/parse.hpp"
#include "config/section.hpp"

namespace keyfob::config {

/// What every section needs beside its own table.
struct ReadContext {
  const std::filesystem::path& base_dir;
  std::span<const BuiltInProvider> built_in;
  Problems& problems;
};

void read_server(Section section, const ReadContext& context, Config& config);
void read_node(Section section, const ReadContext& context, NodeConfig& node);
void read_store(Section section, const ReadContext& context, StoreConfig& store);
void read_keys(Section section, const ReadContext& context, KeysConfig& keys);
void read_refresh(Section section, RefreshConfig& refresh);
void read_cache(Section section, CacheConfig& cache);
void read_audit(Section section, AuditConfig& audit);
void read_console(Section section, ConsoleConfig& console);
void read_log(Section section, LogConfig& log);
void read_upstream(Section section, const ReadContext& context, UpstreamConfig& upstream);
void read_events(Section section, const ReadContext& context, EventsConfig& events);
/// After read_refresh: the timing of every provider is checked against it; `refresh` is only asked for line numbers.
void read_providers(Section section, const Section& refresh, const ReadContext& context, Config& config);

}  // namespace keyfob::config
