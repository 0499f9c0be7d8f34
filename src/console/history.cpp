#include "console/history.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace keyfob::console {
namespace {

namespace json = boost::json;

/// One line of the text format: name{label="value"} number.
struct Line {
  std::string_view name;
  std::string_view labels;
  double value = 0;
};

std::optional<double> number(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Line> read_line(std::string_view text) {
  const auto space = text.rfind(' ');
  if (text.starts_with('#') || space == std::string_view::npos) return std::nullopt;
  const auto value = number(text.substr(space + 1));
  if (!value) return std::nullopt;
  const std::string_view series = text.substr(0, space);
  const auto brace = std::min(series.find('{'), series.size());
  return Line{series.substr(0, brace), series.substr(brace), *value};
}

std::string_view label(const Line& line, std::string_view name) {
  const std::string wanted = std::string(name) + "=\"";
  const auto begin = line.labels.find(wanted);
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = line.labels.substr(begin + wanted.size());
  return rest.substr(0, rest.find('"'));
}

void take(const Line& line, Totals& out) {
  if (line.name == "keyfob_refreshes_total") out.refreshed += line.value;
  if (line.name == "keyfob_commit_failures_total") out.failed["store"] += line.value;
  if (line.name == "keyfob_gateway_passed_total") out.calls += line.value;
  if (line.name == "keyfob_due_grants") out.due = line.value;
  if (line.name == "keyfob_keep_alive_lag_seconds") out.lag = line.value;
  if (line.name == "keyfob_exchanges_total") {
    const std::string_view disposition = label(line, "disposition");
    if (disposition != "done") out.failed[std::string(disposition)] += line.value;
  }
  if (line.name == "keyfob_exchange_duration_seconds_bucket") {
    if (const auto bound = number(label(line, "le"))) out.buckets[*bound] += line.value;
  }
}

double at_least_zero(double value) { return std::max(value, 0.0); }

template <class Key>
std::map<Key, double> difference_of(const std::map<Key, double>& before, const std::map<Key, double>& after) {
  std::map<Key, double> out;
  for (const auto& [key, value] : after) {
    const auto earlier = before.find(key);
    out[key] = at_least_zero(value - (earlier == before.end() ? 0.0 : earlier->second));
  }
  return out;
}

json::value seconds_or_null(double value) {
  if (value < 0 || !std::isfinite(value)) return nullptr;
  return std::round(value * 10'000) / 10'000;
}

template <class Get>
json::array column(const std::vector<const Minute*>& minutes, Get get) {
  json::array out;
  for (const Minute* minute : minutes) out.emplace_back(get(*minute));
  return out;
}

json::object failures(const std::vector<const Minute*>& minutes) {
  std::map<std::string, bool> classes;
  for (const Minute* minute : minutes) {
    for (const auto& [name, count] : minute->change.failed) classes[name] = true;
  }
  json::object out;
  for (const auto& [name, unused] : classes) {
    const auto count = [&name = name](const Minute& minute) {
      const auto found = minute.change.failed.find(name);
      return found == minute.change.failed.end() ? 0.0 : found->second;
    };
    out[name] = column(minutes, count);
  }
  return out;
}

}  // namespace

Totals read_totals(std::string_view metrics) {
  Totals out;
  while (!metrics.empty()) {
    const auto end = std::min(metrics.find('\n'), metrics.size());
    if (const auto line = read_line(metrics.substr(0, end))) take(*line, out);
    metrics.remove_prefix(std::min(end + 1, metrics.size()));
  }
  return out;
}

Totals difference(const Totals& before, const Totals& after) {
  return {.refreshed = at_least_zero(after.refreshed - before.refreshed),
          .failed = difference_of(before.failed, after.failed),
          .buckets = difference_of(before.buckets, after.buckets),
          .calls = at_least_zero(after.calls - before.calls),
          .due = after.due,
          .lag = after.lag};
}

double quantile(const std::map<double, double>& buckets, double q) {
  const double all = buckets.empty() ? 0.0 : buckets.rbegin()->second;
  if (all <= 0) return -1;
  const double wanted = q * all;
  double lower_bound = 0;
  double lower_count = 0;
  for (const auto& [bound, count] : buckets) {
    if (count >= wanted && count > lower_count) {
      if (!std::isfinite(bound)) return lower_bound;
      return lower_bound + (bound - lower_bound) * (wanted - lower_count) / (count - lower_count);
    }
    lower_bound = bound;
    lower_count = count;
  }
  return lower_bound;
}

void History::add(WallTime now, const Totals& totals) {
  const std::lock_guard lock(mutex_);
  minutes_.push_back({now, difference(last_, totals)});
  if (minutes_.size() > kMinutes) minutes_.pop_front();
  last_ = totals;
  last_at_ = now;
}

std::string History::json(WallTime now, const Totals& totals, std::size_t minutes) const {
  const std::lock_guard lock(mutex_);
  const Minute present{now, difference(last_, totals)};
  std::vector<const Minute*> shown;
  const std::size_t kept = std::min(minutes_.size(), std::max<std::size_t>(minutes, 1) - 1);
  for (auto it = minutes_.end() - static_cast<std::ptrdiff_t>(kept); it != minutes_.end(); ++it) shown.push_back(&*it);
  shown.push_back(&present);
  const auto latency = [](double q) {
    return [q](const Minute& minute) { return seconds_or_null(quantile(minute.change.buckets, q)); };
  };
  json::object out{{"since", to_rfc3339(since_)}, {"now", to_rfc3339(now)}};
  out["at"] = column(shown, [](const Minute& minute) { return to_rfc3339(minute.at); });
  out["refreshed"] = column(shown, [](const Minute& minute) { return minute.change.refreshed; });
  out["failed"] = failures(shown);
  out["p50"] = column(shown, latency(0.5));
  out["p95"] = column(shown, latency(0.95));
  out["calls"] = column(shown, [](const Minute& minute) { return minute.change.calls; });
  out["due"] = column(shown, [](const Minute& minute) { return minute.change.due; });
  out["lag"] = column(shown, [](const Minute& minute) { return minute.change.lag; });
  return json::serialize(out);
}

}  // namespace keyfob::console
