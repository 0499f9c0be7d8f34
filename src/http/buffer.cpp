#include "http/buffer.hpp"

#include <algorithm>
#include <cstring>

#include "base/bytes.hpp"

namespace keyfob::http {

void Buffer::consume(std::size_t count) {
  begin_ += count;
  if (begin_ != end_) return;
  high_ = std::max(high_, end_);
  begin_ = 0;
  end_ = 0;
}

void Buffer::drop_back(std::size_t count) {
  high_ = std::max(high_, end_);
  end_ -= count;
}

void Buffer::compact() {
  if (begin_ == 0) return;
  high_ = std::max(high_, end_);
  std::memmove(data_.data(), data_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
}

void Buffer::clear() {
  wipe(data_.data(), std::max(high_, end_));
  begin_ = 0;
  end_ = 0;
  high_ = 0;
}

void BufferPool::GiveBack::operator()(Buffer* buffer) const noexcept {
  buffer->clear();
  if (pool->free_.size() < kKept) {
    pool->free_.emplace_back(buffer);
  } else {
    delete buffer;
  }
}

BufferPtr BufferPool::take() {
  if (free_.empty()) {
    free_.reserve(kKept);
    return {new Buffer, GiveBack{this}};
  }
  Buffer* buffer = free_.back().release();
  free_.pop_back();
  return {buffer, GiveBack{this}};
}

}  // namespace keyfob::http
