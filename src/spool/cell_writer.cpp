#include "spool/cell_writer.hpp"

#include <algorithm>
#include <utility>

namespace keyfob::spool {

CellWriter::CellWriter(CellFile file, Cells held, std::vector<std::uint32_t> free_cells)
    : file_(std::move(file)), held_(std::move(held)), free_(std::move(free_cells)), thread_([this] { run(); }) {}

CellWriter::~CellWriter() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void CellWriter::push(CellWork work) {
  const std::scoped_lock lock(mutex_);
  waiting_.push_back(std::move(work));
  arrived_.notify_one();
}

void CellWriter::run() {
  for (;;) {
    std::vector<CellWork> batch;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      batch.swap(waiting_);
    }
    // Each replacement of a batch needs a free cell besides the one it replaces.
    while (!batch.empty()) {
      const auto some = std::min(batch.size(), std::max<std::size_t>(free_.size(), 1));
      std::vector<CellWork> now(std::make_move_iterator(batch.begin()),
                                std::make_move_iterator(batch.begin() + static_cast<std::ptrdiff_t>(some)));
      batch.erase(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(some));
      carry_out(std::move(now));
    }
  }
}

Result<std::uint32_t> CellWriter::write(ByteView bytes) {
  if (free_.empty()) return fail(ErrorCode::limit, "every cell of the spool is taken");
  const auto cell = free_.back();
  free_.pop_back();
  if (auto written = file_.write(cell, bytes); !written) {
    give_back(cell);
    return fail(std::move(written.error()));
  }
  return cell;
}

// If the erasure fails, the pair shows up again when the spool is opened, and is judged by its version then.
// To the far end: a place that could not be written is not tried again at once.
void CellWriter::give_back(std::uint32_t cell) {
  [[maybe_unused]] const auto erased = file_.erase(cell);
  free_.insert(free_.begin(), cell);
}

void CellWriter::let_go(SpoolSlot slot) {
  const auto held = held_.find(slot);
  if (held == held_.end()) return;
  give_back(held->second);
  held_.erase(held);
}

void CellWriter::carry_out(std::vector<CellWork> batch) {
  std::vector<Result<std::uint32_t>> cells;
  bool wrote = false;
  for (const auto& work : batch) {
    cells.push_back(work.bytes.empty() ? Result<std::uint32_t>(0) : write(work.bytes));
    wrote = wrote || (cells.back() && !work.bytes.empty());
  }
  const auto synced = wrote ? file_.sync() : Result<void>();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const bool kept = cells[i] && !batch[i].bytes.empty();
    if (kept && !synced) {
      give_back(*cells[i]);
      cells[i] = fail(synced.error());
    }
    if (cells[i]) let_go(batch[i].slot);
    if (cells[i] && kept) held_[batch[i].slot] = *cells[i];
    batch[i].done(cells[i] ? Result<void>() : fail(std::move(cells[i].error())));
  }
}

}  // namespace keyfob::spool
