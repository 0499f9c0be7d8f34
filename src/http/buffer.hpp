#pragma once
// Buffer and BufferPool: the read buffers of a thread. They are held only while there are bytes to hold, so an idle
// connection has none, and are wiped when given back, because heads carry credentials.

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "http/head_scanner.hpp"

namespace keyfob::http {

/// Bytes [begin, end) of a fixed block. The block holds the longest head that is accepted.
class Buffer {
 public:
  static constexpr std::size_t kCapacity = kMaxHeadBytes;

  [[nodiscard]] std::string_view text() const { return {data_.data() + begin_, end_ - begin_}; }
  [[nodiscard]] std::span<char> bytes() { return {data_.data() + begin_, end_ - begin_}; }
  [[nodiscard]] std::span<char> space() { return {data_.data() + end_, kCapacity - end_}; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  void filled(std::size_t count) { end_ += count; }
  /// Forgets bytes at the front.
  void consume(std::size_t count);
  /// Forgets bytes at the back.
  void drop_back(std::size_t count);
  /// Moves the bytes to the front of the block, so that there is room behind them.
  void compact();
  /// Forgets and overwrites everything that was ever in it.
  void clear();

 private:
  friend class BufferPool;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t high_ = 0;  ///< nothing was ever written behind it
  std::array<char, kCapacity> data_;
};

/// Loop thread only. Must outlive its buffers.
class BufferPool {
 public:
  struct GiveBack {
    BufferPool* pool;
    void operator()(Buffer* buffer) const noexcept;
  };
  using Ptr = std::unique_ptr<Buffer, GiveBack>;

  [[nodiscard]] Ptr take();

 private:
  static constexpr std::size_t kKept = 1024;
  std::vector<std::unique_ptr<Buffer>> free_;
};

using BufferPtr = BufferPool::Ptr;

}  // namespace keyfob::http
