#include "http/ring_loop.hpp"

#include <sys/epoll.h>
#include <sys/mman.h>

#include <algorithm>
#include <thread>

#include "base/bytes.hpp"
#include "http/ring_socket.hpp"

namespace keyfob::http {
namespace {

constexpr unsigned kEntries = 1024;
constexpr unsigned kCompletions = 8192;
// Few, so that they stay in the processor's cache: they are taken in turn. When a round needs more, the rest of it
// waits for the next one.
constexpr unsigned kBuffers = 128;
constexpr std::size_t kBufferBytes = 8192;
constexpr std::size_t kBufferSpace = kBuffers * kBufferBytes;
// A user's address is divisible by 8: the last three bits say which of its operations it is.
constexpr std::uint64_t kKindBits = 7;

std::uint64_t name_of(const RingUser& user, unsigned kind) { return reinterpret_cast<std::uint64_t>(&user) | kind; }

unsigned buffer_number(std::uint32_t flags) { return flags >> IORING_CQE_BUFFER_SHIFT; }

// Linux 6.15; liburing 2.3 does not know them. Without it a thread that waits is shown as one that waits for a disk.
constexpr unsigned kFeatureNoIowait = 1U << 17U;
constexpr unsigned kEnterNoIowait = 1U << 7U;

constexpr unsigned kHow = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL;

/// A filter of system calls may let us make a ring and not use it.
bool may_use() {
  io_uring ring{};
  if (io_uring_queue_init(2, &ring, kHow) != 0) return false;
  io_uring_prep_nop(io_uring_get_sqe(&ring));
  const bool used = io_uring_submit_and_wait(&ring, 1) == 1;
  io_uring_queue_exit(&ring);
  return used;
}

void* pages(std::size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

/// What is mapped into this process.
struct RingLoop::Ring {
  Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();
  [[nodiscard]] bool set_up();
  void offer(unsigned number);

  io_uring uring{};
  bool made = false;
  unsigned wait_flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
  io_uring_buf_ring* free = nullptr;  ///< buffers that the kernel may fill
  char* bytes = nullptr;
};

RingLoop::Ring::~Ring() {
  if (made) io_uring_queue_exit(&uring);
  if (free != nullptr) munmap(free, kBuffers * sizeof(io_uring_buf));
  if (bytes == nullptr) return;
  wipe(bytes, kBufferSpace);
  munmap(bytes, kBufferSpace);
}

bool RingLoop::Ring::set_up() {
  io_uring_params params{};
  params.flags = kHow | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE;
  params.cq_entries = kCompletions;
  made = may_use() && io_uring_queue_init_params(kEntries, &uring, &params) == 0;
  if (!made) return false;
  if ((params.features & kFeatureNoIowait) != 0) wait_flags |= kEnterNoIowait;
  free = static_cast<io_uring_buf_ring*>(pages(kBuffers * sizeof(io_uring_buf)));
  bytes = static_cast<char*>(pages(kBufferSpace));
  if (free == nullptr || bytes == nullptr) return false;
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uint64_t>(free);
  registration.ring_entries = kBuffers;
  registration.bgid = kGroup;
  if (io_uring_register_buf_ring(&uring, &registration, 0) != 0) return false;
  io_uring_buf_ring_init(free);
  for (unsigned i = 0; i < kBuffers; ++i) offer(i);
  return true;
}

void RingLoop::Ring::offer(unsigned number) {
  io_uring_buf_ring_add(free, bytes + number * kBufferBytes, kBufferBytes, static_cast<unsigned short>(number),
                        io_uring_buf_ring_mask(kBuffers), 0);
  io_uring_buf_ring_advance(free, 1);
}

/// A Source under watch.
class RingLoop::Watch final : public RingUser {
 public:
  Watch(RingLoop& loop, int fd, Source& source) : loop_(loop), fd_(fd), source_(&source) { start(); }

  [[nodiscard]] bool is_of(int fd, const Source& source) const { return fd == fd_ && &source == source_; }
  [[nodiscard]] bool over() const { return source_ == nullptr && !under_way_; }
  void stop() {
    source_ = nullptr;
    if (under_way_) loop_.cancel(*this, 0);
  }

 private:
  void start() {
    io_uring_prep_poll_multishot(&loop_.operation(*this, 0), fd_, EPOLLIN);
    under_way_ = true;
  }
  void on_completion(unsigned, int result, std::uint32_t flags) override {
    under_way_ = (flags & IORING_CQE_F_MORE) != 0;
    if (source_ != nullptr && result > 0) source_->on_events(static_cast<std::uint32_t>(result));
    if (source_ != nullptr && !under_way_) start();
  }

  RingLoop& loop_;
  int fd_;
  Source* source_;
  bool under_way_ = false;
};

std::unique_ptr<EventLoop> RingLoop::create(int wake) {
  auto ring = std::make_unique<Ring>();
  bool made = false;
  // The kernel interrupts whoever made a ring when the ring goes. Nobody is there then.
  std::thread([&] { made = ring->set_up(); }).join();
  if (!made) return nullptr;
  return std::unique_ptr<EventLoop>(new RingLoop(wake, std::move(ring)));
}

RingLoop::RingLoop(int wake, std::unique_ptr<Ring> ring) : EventLoop(wake), ring_(std::move(ring)) {
  batch_.reserve(kCompletions);
}

RingLoop::~RingLoop() {
  let_go();
  // Its thread has ended, and with it every operation.
  for (RingSocket* socket : retired_) delete socket;
}

io_uring_sqe& RingLoop::next_entry() {
  if (over_) return nowhere_;
  io_uring_sqe* entry = io_uring_get_sqe(&ring_->uring);
  while (entry == nullptr) {
    // Fails only while the kernel has no memory, which any other call would wait for, too.
    io_uring_submit(&ring_->uring);
    entry = io_uring_get_sqe(&ring_->uring);
  }
  return *entry;
}

io_uring_sqe& RingLoop::operation(RingUser& user, unsigned kind) {
  io_uring_sqe& entry = next_entry();
  // The io_uring_prep functions leave it alone.
  entry.user_data = name_of(user, kind);
  return entry;
}

void RingLoop::cancel(RingUser& user, unsigned kind) {
  io_uring_sqe& entry = next_entry();
  io_uring_prep_cancel64(&entry, name_of(user, kind), 0);
  entry.user_data = 0;
}

bool RingLoop::watch(int fd, Source& source) {
  watches_.push_back(std::make_unique<Watch>(*this, fd, source));
  return true;
}

void RingLoop::unwatch(int fd, const Source& source) {
  const auto found = std::ranges::find_if(watches_, [&](const auto& each) { return each->is_of(fd, source); });
  if (found != watches_.end()) (*found)->stop();
}

SocketPtr RingLoop::adopt(int fd, bool connecting, LoopSocket::Owner& owner) {
  return RingSocket::create(*this, fd, connecting, owner);
}

std::span<const char> RingLoop::received(std::uint32_t flags, int size) const {
  return {ring_->bytes + buffer_number(flags) * kBufferBytes, static_cast<std::size_t>(size)};
}

void RingLoop::recycle(std::uint32_t flags, int size) {
  const unsigned number = buffer_number(flags);
  wipe(ring_->bytes + number * kBufferBytes, static_cast<std::size_t>(std::max(size, 0)));
  ring_->offer(number);
}

bool RingLoop::undelivered(const RingUser& user, unsigned kind) const {
  const auto ahead = std::span(batch_).subspan(batch_at_);
  return std::ranges::any_of(ahead, [&](const Completion& each) { return each.user == name_of(user, kind); });
}

void RingLoop::begin() {
  // liburing 2.3 as a shared library lacks io_uring_enable_rings().
  io_uring_register(static_cast<unsigned>(ring_->uring.ring_fd), IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  if (io_uring_register_ring_fd(&ring_->uring) == 1) ring_->wait_flags |= IORING_ENTER_REGISTERED_RING;
}

void RingLoop::wait(Milliseconds at_most) {
  // Failures mean that nothing has come in.
  io_uring_submit(&ring_->uring);
  const __kernel_timespec time{.tv_sec = at_most.count() / 1000, .tv_nsec = at_most.count() % 1000 * 1'000'000};
  io_uring_getevents_arg how{};
  if (at_most >= Milliseconds(0)) how.ts = reinterpret_cast<std::uint64_t>(&time);
  io_uring_enter2(static_cast<unsigned>(ring_->uring.enter_ring_fd), 0, 1, ring_->wait_flags,
                  reinterpret_cast<sigset_t*>(&how), sizeof how);
  unsigned head = 0;
  io_uring_cqe* each = nullptr;
  batch_.clear();
  batch_at_ = 0;
  io_uring_for_each_cqe(&ring_->uring, head, each) batch_.push_back({each->user_data, each->res, each->flags});
  io_uring_cq_advance(&ring_->uring, static_cast<unsigned>(batch_.size()));
}

void RingLoop::deliver() {
  while (batch_at_ < batch_.size()) {
    const Completion& next = batch_[batch_at_++];
    auto* user = reinterpret_cast<RingUser*>(next.user & ~kKindBits);
    if (user != nullptr) user->on_completion(next.user & kKindBits, next.result, next.flags);
  }
  free_retired();
}

void RingLoop::free_retired() {
  std::erase_if(watches_, [](const auto& each) { return each->over(); });
  std::erase_if(retired_, [](RingSocket* each) {
    if (each->busy()) return false;
    delete each;
    return true;
  });
}

void RingLoop::finish() {
  // What was written in the last round goes out, what has ended is closed; who takes little has two seconds.
  wait(Milliseconds(0));
  deliver();
  for (int left = 20; left > 0 && !retired_.empty(); --left) {
    wait(Milliseconds(100));
    deliver();
  }
  io_uring_unregister_ring_fd(&ring_->uring);
  over_ = true;
}

}  // namespace keyfob::http
