#pragma once
// Log: structured lines to stderr or a file, for people or as JSON.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "ports/event_sink.hpp"

namespace keyfob::telemetry {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
[[nodiscard]] std::optional<LogLevel> log_level_from(std::string_view name);

enum class LogFormat : std::uint8_t { human, json };

struct LogOptions {
  LogFormat format = LogFormat::human;
  LogLevel level = LogLevel::info;
  std::string file{};  ///< empty: stderr
};

struct LogField {
  std::string_view key;  ///< a word of ours
  std::string_view value;
};

/// Any thread. A line is made by the caller and written by a thread of the log's own, so no caller waits for a slow
/// terminal or pipe; when that thread cannot keep up, the oldest lines of the queue are dropped. Every line is UTC and
/// one line: control characters in values are escaped, so a value cannot forge a line. Destruction writes what is
/// queued. What is logged never holds a secret: that is the caller's promise, which the types make easy.
class Log {
 public:
  /// unavailable when the file cannot be opened.
  [[nodiscard]] static Result<std::unique_ptr<Log>> open(const LogOptions& options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
  void set_level(LogLevel level);
  [[nodiscard]] bool wants(LogLevel level) const;

 private:
  struct State;
  explicit Log(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Writes events as log lines: name, application, grant, detail. Users and vehicles stay out of the log; `keyfob grant
/// show` says whose grant it is. The log must outlive the sink.
class LogSink final : public EventSink {
 public:
  explicit LogSink(Log& log) : log_(log) {}
  void emit(const Event& event) override;

 private:
  Log& log_;
};

}  // namespace keyfob::telemetry
