#include "spool/file_spool.hpp"

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <set>
#include <utility>

#include "spool/cell_writer.hpp"
#include "spool/record.hpp"

namespace keyfob {
namespace {

// The writer knows damaged cells by slots that are never reserved.
constexpr SpoolSlot slot_of_damaged(std::uint32_t cell) { return 0x8000'0000U | cell; }

/// A reserved slot.
struct Held {
  bool filled = false;
  spool::Record record{};
};

struct Contents {
  std::vector<Held> filled;
  spool::CellWriter::Cells cells;  // of all that is not free; filled ones are numbered in their order
  std::vector<std::uint32_t> damaged;
  std::vector<std::uint32_t> free;
};

Result<Contents> read_all(const spool::CellFile& file) {
  Contents contents;
  for (std::uint32_t cell = 0; cell < file.geometry().cells; ++cell) {
    auto bytes = file.read(cell);
    if (!bytes) return fail(std::move(bytes.error()));
    auto decoded = spool::decode(*bytes);
    switch (decoded.state) {
      case spool::CellState::empty: contents.free.push_back(cell); break;
      case spool::CellState::damaged:
        contents.cells.emplace(slot_of_damaged(cell), cell);
        contents.damaged.push_back(cell);
        break;
      case spool::CellState::filled:
        contents.cells.emplace(static_cast<SpoolSlot>(contents.filled.size()), cell);
        contents.filled.push_back({true, std::move(decoded.record)});
        break;
    }
  }
  std::ranges::reverse(contents.free);  // the writer takes from the end: low cells first
  return contents;
}

}  // namespace

struct FileSpool::Machinery {
  Machinery(spool::CellFile file, Contents contents)
      : geometry(file.geometry()),
        damaged(std::move(contents.damaged)),
        writer(std::move(file), std::move(contents.cells), std::move(contents.free)) {
    for (auto& held : contents.filled) {
      last_sequence = std::max(last_sequence, held.record.sequence);
      slots.emplace(static_cast<SpoolSlot>(slots.size()), std::move(held));
    }
    for (SpoolSlot slot = geometry.cells; slot > slots.size(); --slot) free_slots.push_back(slot - 1);
  }

  /// One cell is kept back, so that a pair can be replaced when every slot is taken.
  [[nodiscard]] std::size_t capacity() const {
    const std::size_t slots_of_file = geometry.cells - 1;
    return slots_of_file - std::min(slots_of_file, damaged.size());
  }

  /// Answers on the awaiting executor, which is kept running until then.
  Task<Result<void>> carry_out(SpoolSlot slot, Bytes bytes) {
    auto initiate = [this, slot](auto handler, Bytes what) {
      auto executor = asio::prefer(asio::any_io_executor(asio::get_associated_executor(handler)),
                                   asio::execution::outstanding_work.tracked);
      auto done = [executor, handler = std::move(handler)](Result<void> answer) mutable {
        auto deliver = [handler = std::move(handler), answer = std::move(answer)]() mutable {
          std::move(handler)(std::move(answer));
        };
        asio::post(executor, std::move(deliver));
      };
      writer.push({slot, std::move(what), std::move(done)});
    };
    auto answer = co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<void>)>(
        initiate, asio::use_awaitable, std::move(bytes));
    co_return answer;
  }

  /// How many slots a refresh could take now. Which of the others hold a pair that the store lacks, the engine knows.
  void report() const {
    if (metrics == nullptr) return;
    metrics->gauge("spool_free_slots", static_cast<double>(capacity() - std::min(capacity(), slots.size())));
    metrics->gauge("spool_damaged_cells", static_cast<double>(damaged.size()));
  }

  Metrics* metrics = nullptr;
  spool::Geometry geometry;
  std::vector<std::uint32_t> damaged;
  std::map<SpoolSlot, Held> slots;  // reserved ones
  std::vector<SpoolSlot> free_slots;
  std::uint64_t last_sequence = 0;
  spool::CellWriter writer;
};

FileSpool::FileSpool(std::unique_ptr<Machinery> machinery) : machinery_(std::move(machinery)) {}
FileSpool::~FileSpool() = default;

Result<std::unique_ptr<FileSpool>> FileSpool::open(const std::string& folder, SpoolOptions options) {
  if (options.slots == 0 || options.slots > 1'000'000 || options.slot_size < 1024) {
    return fail(ErrorCode::invalid_argument, "a spool has 1 to 1000000 slots of at least 1 KiB");
  }
  auto file = spool::CellFile::open(folder, {options.slots + 1, options.slot_size});
  if (!file) return fail(std::move(file.error()));
  auto contents = read_all(*file);
  if (!contents) return fail(std::move(contents.error()));
  auto machinery = std::make_unique<Machinery>(std::move(*file), std::move(*contents));
  machinery->metrics = options.metrics;
  machinery->report();
  return std::unique_ptr<FileSpool>(new FileSpool(std::move(machinery)));
}

Result<SpoolSlot> FileSpool::reserve() {
  auto& slots = machinery_->slots;
  if (slots.size() >= machinery_->capacity()) return fail(ErrorCode::limit, "every slot of the spool is taken");
  const auto slot = machinery_->free_slots.back();
  machinery_->free_slots.pop_back();
  slots.emplace(slot, Held{});
  machinery_->report();
  return slot;
}

Task<Result<void>> FileSpool::keep(SpoolSlot slot, KeptPair pair) {
  if (!machinery_->slots.contains(slot)) {
    co_return fail(ErrorCode::invalid_argument, "this spool slot is not reserved");
  }
  spool::Record record{++machinery_->last_sequence, std::move(pair)};
  Bytes bytes = spool::encode(record);
  if (bytes.size() > machinery_->geometry.cell_size) {
    co_return fail(ErrorCode::limit, "the pair is larger than a slot of the spool");
  }
  auto answer = co_await machinery_->carry_out(slot, std::move(bytes));
  const auto found = machinery_->slots.find(slot);
  if (answer && found != machinery_->slots.end()) found->second = {true, std::move(record)};
  machinery_->report();
  co_return answer;
}

Task<void> FileSpool::release(SpoolSlot slot) {
  const auto found = machinery_->slots.find(slot);
  if (found == machinery_->slots.end()) co_return;
  found->second.filled = false;  // no entry any more, but taken until its place is erased
  auto answer = co_await machinery_->carry_out(slot, Bytes());
  static_cast<void>(answer);
  if (machinery_->slots.erase(slot) != 0) machinery_->free_slots.push_back(slot);
  machinery_->report();
}

std::vector<SpooledPair> FileSpool::entries() const {
  std::vector<std::pair<std::uint64_t, SpooledPair>> found;
  for (const auto& [slot, held] : machinery_->slots) {
    if (held.filled) found.push_back({held.record.sequence, {slot, held.record.pair}});
  }
  std::ranges::sort(found, {}, [](const auto& entry) { return entry.first; });
  std::vector<SpooledPair> pairs;
  for (auto& entry : found) pairs.push_back(std::move(entry.second));
  return pairs;
}

std::vector<std::uint32_t> FileSpool::damaged() const { return machinery_->damaged; }

Task<void> FileSpool::discard_damaged() {
  const auto damaged = machinery_->damaged;
  for (const auto cell : damaged) {
    auto answer = co_await machinery_->carry_out(slot_of_damaged(cell), Bytes());
    static_cast<void>(answer);
  }
  machinery_->damaged.clear();
  machinery_->report();
}

}  // namespace keyfob
