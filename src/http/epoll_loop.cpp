#include "http/epoll_loop.hpp"

#include <unistd.h>

#include "http/epoll_socket.hpp"

namespace keyfob::http {

std::unique_ptr<EventLoop> EpollLoop::create(int wake) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return nullptr;
  return std::unique_ptr<EventLoop>(new EpollLoop(wake, epoll));
}

EpollLoop::~EpollLoop() {
  let_go();
  ::close(epoll_);
}

SocketPtr EpollLoop::adopt(int fd, bool connecting, LoopSocket::Owner& owner) {
  return EpollSocket::create(*this, fd, connecting, owner);
}

bool EpollLoop::add(int fd, std::uint32_t events, Source& source) const {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void EpollLoop::change(int fd, std::uint32_t events, Source& source) const {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void EpollLoop::remove(int fd, const Source& source) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  for (std::size_t i = batch_at_; i < batch_size_; ++i) {
    if (batch_[i].data.ptr == &source) batch_[i].events = 0;
  }
}

void EpollLoop::wait(Milliseconds at_most) {
  const int count = epoll_wait(epoll_, batch_.data(), static_cast<int>(kBatch), static_cast<int>(at_most.count()));
  batch_size_ = count < 0 ? 0 : static_cast<std::size_t>(count);
  batch_at_ = 0;
}

void EpollLoop::deliver() {
  while (batch_at_ < batch_size_) {
    const epoll_event& event = batch_[batch_at_++];
    if (event.events != 0) static_cast<Source*>(event.data.ptr)->on_events(event.events);
  }
}

}  // namespace keyfob::http
