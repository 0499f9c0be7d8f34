#include "telemetry/log.hpp"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <algorithm>
#include <array>
#include <utility>

#include "telemetry/log_line.hpp"

namespace keyfob::telemetry {
namespace {

constexpr std::size_t kQueueLines = 8192;
constexpr const char* kHumanPattern = "%Y-%m-%dT%H:%M:%S.%eZ %^%-7l%$ %v";
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::sink_ptr make_sink(const std::string& file) {
  if (file.empty()) return std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  return std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
}

struct EventLevel {
  std::string_view name;
  LogLevel level;
};
constexpr std::array<EventLevel, 7> kEventLevels = {{{"grant.refreshed", LogLevel::debug},
                                                     {"grant.suspect", LogLevel::warning},
                                                     {"grant.needs_reauth", LogLevel::warning},
                                                     {"grant.attention", LogLevel::warning},
                                                     {"grant.expiring", LogLevel::warning},
                                                     {"application.suspended", LogLevel::error},
                                                     {"application.refusals", LogLevel::error}}};

LogLevel level_of(std::string_view event) {
  const auto found = std::ranges::find(kEventLevels, event, &EventLevel::name);
  return found == kEventLevels.end() ? LogLevel::info : found->level;
}

}  // namespace

/// The pool is destroyed after the logger: its thread writes what is still queued and ends.
struct Log::State {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
  LogFormat format;
};

std::optional<LogLevel> log_level_from(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, LogLevel>, 4> kNames = {{{"debug", LogLevel::debug},
                                                                            {"info", LogLevel::info},
                                                                            {"warning", LogLevel::warning},
                                                                            {"error", LogLevel::error}}};
  const auto found = std::ranges::find(kNames, name, &std::pair<std::string_view, LogLevel>::first);
  return found == kNames.end() ? std::nullopt : std::optional(found->second);
}

Result<std::unique_ptr<Log>> Log::open(const LogOptions& options) {
  try {
    auto state = std::make_unique<State>();
    state->pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
    state->logger = std::make_shared<spdlog::async_logger>("keyfob", make_sink(options.file), state->pool,
                                                           spdlog::async_overflow_policy::overrun_oldest);
    state->format = options.format;
    const char* pattern = options.format == LogFormat::json ? kJsonPattern : kHumanPattern;
    state->logger->set_pattern(pattern, spdlog::pattern_time_type::utc);
    state->logger->set_level(spdlog_level(options.level));
    state->logger->flush_on(spdlog::level::debug);
    return std::unique_ptr<Log>(new Log(std::move(state)));
  } catch (const spdlog::spdlog_ex& error) {
    return fail(ErrorCode::unavailable, "cannot open the log " + options.file, error.what());
  }
}

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {}
Log::~Log() = default;

bool Log::wants(LogLevel level) const { return state_->logger->should_log(spdlog_level(level)); }
void Log::set_level(LogLevel level) { state_->logger->set_level(spdlog_level(level)); }

void Log::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!wants(level)) return;
  const bool json = state_->format == LogFormat::json;
  const std::string line = json ? json_members(message, fields) : human_line(message, fields);
  state_->logger->log(spdlog_level(level), spdlog::string_view_t(line));
}

void LogSink::emit(const Event& event) {
  const LogLevel level = level_of(event.name);
  if (event.detail.empty()) {
    log_.write(level, event.name, {{"app", event.app.view()}, {"grant", event.grant.view()}});
  } else {
    log_.write(level, event.name, {{"app", event.app.view()}, {"grant", event.grant.view()}, {"detail", event.detail}});
  }
}

}  // namespace keyfob::telemetry
