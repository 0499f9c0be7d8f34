#pragma once
// CellWriter: the spool's thread. Writes what has gathered, syncs once, then answers. A pair that replaces another goes
// into a free cell first; the old cell is erased only when the new one is durable, so a crash never costs both.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "ports/spool.hpp"
#include "spool/cell_file.hpp"

namespace keyfob::spool {

struct CellWork {
  SpoolSlot slot = 0;
  Bytes bytes{};  ///< what the slot holds from now on; empty: nothing, what it held is erased
  std::move_only_function<void(Result<void>)> done;  ///< called on the writer's thread
};

class CellWriter {
 public:
  using Cells = std::map<SpoolSlot, std::uint32_t>;
  /// `held`: the cells that are in use, by slot.
  CellWriter(CellFile file, Cells held, std::vector<std::uint32_t> free_cells);
  ~CellWriter();  ///< finishes what was pushed
  /// Any thread.
  void push(CellWork work);

 private:
  void run();
  void carry_out(std::vector<CellWork> batch);
  Result<std::uint32_t> write(ByteView bytes);
  void give_back(std::uint32_t cell);
  void let_go(SpoolSlot slot);

  CellFile file_;
  Cells held_;                       // writer's thread only
  std::vector<std::uint32_t> free_;  // writer's thread only
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<CellWork> waiting_;
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace keyfob::spool
