#include "telemetry/prometheus_metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "telemetry/metric_help.hpp"

namespace keyfob::telemetry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::array<std::int64_t, 16> kBoundsMs = {1,   2,    5,    10,   25,    50,    100,   250,
                                                    500, 1000, 2500, 5000, 10000, 30000, 60000, 310000};
constexpr std::string_view kDropped = "keyfob_metrics_dropped_total";

struct KeyView {
  MetricKind kind;
  std::string_view name;
  std::string_view label;
  friend bool operator==(const KeyView&, const KeyView&) = default;
};

struct Key {
  explicit Key(KeyView view) : kind(view.kind), name(view.name), label(view.label) {}

  MetricKind kind;
  std::string name;
  std::string label;
  [[nodiscard]] KeyView view() const { return {kind, name, label}; }
  friend auto operator<=>(const Key&, const Key&) = default;
};

struct KeyHash {
  using is_transparent = void;
  std::size_t operator()(KeyView key) const {
    constexpr std::size_t kMix = 0x9E3779B97F4A7C15U;
    const std::size_t name = std::hash<std::string_view>{}(key.name) + static_cast<std::size_t>(key.kind);
    return name * kMix + std::hash<std::string_view>{}(key.label);
  }
  std::size_t operator()(const Key& key) const { return (*this)(key.view()); }
};

struct KeyEqual {
  using is_transparent = void;
  bool operator()(const Key& a, const Key& b) const { return a == b; }
  bool operator()(KeyView a, const Key& b) const { return a == b.view(); }
  bool operator()(const Key& a, KeyView b) const { return a.view() == b; }
};

/// One thread's part of a series. Written by that thread alone, read by text(); a cache line of its own.
struct alignas(64) Cell {
  std::atomic<double> sum{0};
  std::array<std::atomic<std::uint64_t>, kBoundsMs.size() + 1> buckets{};
};

/// An increment by the only writer: no locked instruction is needed.
template <class T>
void add(std::atomic<T>& target, T by) {
  target.store(target.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

/// The cells of one thread. Nearly every name and label is a literal, so where its text lies finds the cell that was
/// used last from there; the text decides.
class Shard {
 public:
  [[nodiscard]] Cell* find(KeyView key) {
    Entry*& recent = recent_[slot(key)];
    if (recent != nullptr && recent->first.view() == key) return recent->second;
    const auto found = cells_.find(key);
    if (found == cells_.end()) return nullptr;
    recent = &*found;
    return found->second;
  }
  void add(KeyView key, Cell* cell) { cells_.emplace(key, cell); }

 private:
  using Cells = std::unordered_map<Key, Cell*, KeyHash, KeyEqual>;
  using Entry = Cells::value_type;
  static constexpr std::size_t kSlots = 64;

  static std::size_t slot(KeyView key) {
    const auto address = [](std::string_view text) { return reinterpret_cast<std::uintptr_t>(text.data()); };
    return (address(key.name) ^ (address(key.label) >> 3U) ^ (address(key.name) >> 6U)) % kSlots;
  }

  Cells cells_;
  std::array<Entry*, kSlots> recent_{};
};

bool is_name(std::string_view text) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) == 0 &&
         std::ranges::all_of(text, fits);
}

/// "k=v,k2=v2" as Prometheus' labels, a bare word under `bare_key`; empty when it is malformed.
std::optional<std::vector<ClientMetric::Label>> parse_labels(std::string_view text, std::string_view bare_key) {
  std::vector<ClientMetric::Label> out;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    const bool bare = equals == std::string_view::npos;
    const std::string_view key = bare ? bare_key : one.substr(0, equals);
    if (!is_name(key)) return std::nullopt;
    out.push_back({std::string(key), std::string(bare ? one : one.substr(equals + 1))});
  }
  return out;
}

/// One text for what may be written in several ways: a bare word is the same series as its "k=v".
std::string text_of(const std::vector<ClientMetric::Label>& labels) {
  std::string out;
  for (const ClientMetric::Label& label : labels) out += label.name + '=' + label.value + ',';
  return out;
}

struct Series {
  std::string name;  // Prometheus' name
  MetricKind kind;
  std::vector<ClientMetric::Label> labels;
  std::vector<std::unique_ptr<Cell>> cells{};
};

double sum_of(const Series& series) {
  double sum = 0;
  for (const auto& cell : series.cells) sum += cell->sum.load(std::memory_order_relaxed);
  return sum;
}

ClientMetric::Histogram histogram_of(const Series& series) {
  ClientMetric::Histogram out;
  out.sample_sum = sum_of(series);
  for (std::size_t i = 0; i <= kBoundsMs.size(); ++i) {
    for (const auto& cell : series.cells) out.sample_count += cell->buckets[i].load(std::memory_order_relaxed);
    const double bound =
        i < kBoundsMs.size() ? static_cast<double>(kBoundsMs[i]) / 1000.0 : std::numeric_limits<double>::infinity();
    out.bucket.push_back({out.sample_count, bound});
  }
  return out;
}

ClientMetric metric_of(const Series& series) {
  ClientMetric out;
  out.label = series.labels;
  switch (series.kind) {
    case MetricKind::counter: out.counter.value = sum_of(series); break;
    case MetricKind::gauge: out.gauge.value = sum_of(series); break;
    case MetricKind::histogram: out.histogram = histogram_of(series); break;
  }
  return out;
}

MetricType type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter: return MetricType::Counter;
    case MetricKind::gauge: return MetricType::Gauge;
    case MetricKind::histogram: return MetricType::Histogram;
  }
  return MetricType::Untyped;
}

}  // namespace

struct PrometheusMetrics::State : std::enable_shared_from_this<State> {
  std::mutex mutex;
  std::map<Key, Series> series;                // guarded by mutex
  std::map<std::string, MetricKind> kinds;     // guarded by mutex
  std::vector<std::unique_ptr<Shard>> shards;  // guarded by mutex; their content is their thread's
  std::vector<Shard*> idle;                    // guarded by mutex: of threads that have ended
  std::atomic<std::uint64_t> dropped{0};

  Cell* cell(KeyView key);
  void set_gauge(KeyView key, double value);
  Shard& shard_of_this_thread();
  Shard& lend_shard();
  void take_back(Shard& shard);
  Series* find_or_add(KeyView key);
  Cell* add_cell(Shard& shard, KeyView key);
};

namespace {

/// The shards that this thread has been lent, given back when it ends. The weak pointer keeps a State's address from
/// being used again, so comparing addresses is enough.
template <class State>
class Lent {
 public:
  Lent() = default;
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  ~Lent() {
    for (const auto& [weak, state, shard] : lent_) {
      if (const auto alive = weak.lock()) alive->take_back(*shard);
    }
  }

  [[nodiscard]] Shard* find(const State* wanted) const {
    for (const auto& [weak, state, shard] : lent_) {
      if (state == wanted) return shard;
    }
    return nullptr;
  }
  void add(const std::shared_ptr<State>& state, Shard& shard) {
    std::erase_if(lent_, [](const auto& entry) { return std::get<0>(entry).expired(); });
    lent_.emplace_back(state, state.get(), &shard);
  }

 private:
  std::vector<std::tuple<std::weak_ptr<State>, const State*, Shard*>> lent_;
};

}  // namespace

PrometheusMetrics::PrometheusMetrics() : state_(std::make_shared<State>()) {}
PrometheusMetrics::~PrometheusMetrics() = default;

Shard& PrometheusMetrics::State::lend_shard() {
  const std::lock_guard lock(mutex);
  if (idle.empty()) return *shards.emplace_back(std::make_unique<Shard>());
  Shard& shard = *idle.back();
  idle.pop_back();
  return shard;
}

void PrometheusMetrics::State::take_back(Shard& shard) {
  const std::lock_guard lock(mutex);
  idle.push_back(&shard);
}

Shard& PrometheusMetrics::State::shard_of_this_thread() {
  thread_local Lent<State> lent;
  if (Shard* shard = lent.find(this)) return *shard;
  Shard& shard = lend_shard();
  lent.add(shared_from_this(), shard);
  return shard;
}

/// Called with the mutex held. Null when the series may not be.
Series* PrometheusMetrics::State::find_or_add(KeyView key) {
  std::string name = prometheus_name(key.name, key.kind);
  auto labels = parse_labels(key.label, help_of(name).label);
  if (!labels || !is_name(name)) return nullptr;
  Key own({key.kind, name, text_of(*labels)});
  if (const auto found = series.find(own); found != series.end()) return &found->second;
  if (series.size() >= kMaxSeries) return nullptr;
  if (kinds.try_emplace(name, key.kind).first->second != key.kind) return nullptr;
  return &series.emplace(std::move(own), Series{std::move(name), key.kind, std::move(*labels)}).first->second;
}

Cell* PrometheusMetrics::State::add_cell(Shard& shard, KeyView key) {
  const std::lock_guard lock(mutex);
  Series* found = find_or_add(key);
  if (found == nullptr) {
    dropped.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  Cell* cell = found->cells.emplace_back(std::make_unique<Cell>()).get();
  shard.add(key, cell);
  return cell;
}

/// This thread's cell; null when the series is dropped.
Cell* PrometheusMetrics::State::cell(KeyView key) {
  Shard& shard = shard_of_this_thread();
  Cell* cell = shard.find(key);
  return cell == nullptr ? add_cell(shard, key) : cell;
}

void PrometheusMetrics::State::set_gauge(KeyView key, double value) {
  const std::lock_guard lock(mutex);
  Series* found = find_or_add(key);
  if (found == nullptr) {
    dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (found->cells.empty()) found->cells.push_back(std::make_unique<Cell>());
  found->cells.front()->sum.store(value, std::memory_order_relaxed);
}

void PrometheusMetrics::count(std::string_view name, std::string_view label, double by) {
  if (Cell* cell = state_->cell({MetricKind::counter, name, label})) add(cell->sum, by);
}

void PrometheusMetrics::gauge(std::string_view name, double value, std::string_view label) {
  state_->set_gauge({MetricKind::gauge, name, label}, value);
}

void PrometheusMetrics::observe(std::string_view name, Milliseconds value, std::string_view label) {
  Cell* cell = state_->cell({MetricKind::histogram, name, label});
  if (cell == nullptr) return;
  const auto bucket = std::ranges::lower_bound(kBoundsMs, value.count()) - kBoundsMs.begin();
  add(cell->buckets[static_cast<std::size_t>(bucket)], std::uint64_t{1});
  add(cell->sum, static_cast<double>(value.count()) / 1000.0);
}

std::string PrometheusMetrics::text() const {
  std::map<std::string, MetricFamily> families;
  const auto family = [&](const std::string& name, MetricKind kind) -> std::vector<ClientMetric>& {
    return families.try_emplace(name, MetricFamily{name, std::string(help_of(name).help), type_of(kind), {}})
        .first->second.metric;
  };
  const std::lock_guard lock(state_->mutex);
  for (const auto& [key, series] : state_->series) family(series.name, series.kind).push_back(metric_of(series));
  ClientMetric dropped;
  dropped.counter.value = static_cast<double>(state_->dropped.load(std::memory_order_relaxed));
  family(std::string(kDropped), MetricKind::counter).push_back(dropped);
  std::vector<MetricFamily> sorted;
  for (auto& [name, one] : families) sorted.push_back(std::move(one));
  return prometheus::TextSerializer().Serialize(sorted);
}

}  // namespace keyfob::telemetry
