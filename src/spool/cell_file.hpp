#pragma once
// CellFile: the spool's file: a header and cells of fixed size, all written once when it is made, so that later writes
// need no new space. Synchronous; one thread at a time.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace keyfob::spool {

struct Geometry {
  std::uint32_t cells = 0;
  std::uint32_t cell_size = 0;  ///< bytes
};

class CellFile {
 public:
  /// Opens, or makes with `wanted` where there is none; an existing file keeps its own geometry. Locked until closed.
  /// unsafe: others can open it. damaged: header or size are not what they should be. conflict: another process has it.
  static Result<CellFile> open(const std::string& folder, Geometry wanted);
  CellFile(CellFile&& other) noexcept;
  CellFile& operator=(CellFile&& other) noexcept;
  ~CellFile();

  [[nodiscard]] Geometry geometry() const { return geometry_; }
  [[nodiscard]] Result<Bytes> read(std::uint32_t cell) const;
  /// `bytes` are at most cell_size. Not durable before sync().
  [[nodiscard]] Result<void> write(std::uint32_t cell, ByteView bytes) const;
  /// Overwrites all of the cell.
  [[nodiscard]] Result<void> erase(std::uint32_t cell) const;
  [[nodiscard]] Result<void> sync() const;

 private:
  CellFile(int file, Geometry geometry) : file_(file), geometry_(geometry) {}
  int file_ = -1;
  Geometry geometry_;
};

}  // namespace keyfob::spool
