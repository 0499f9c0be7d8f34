#include "http/worker_core.hpp"

#include <unistd.h>

#include <array>
#include <ctime>

#include "base/url.hpp"
#include "http/connection.hpp"
#include "http/listener.hpp"

namespace keyfob::http {
namespace {

constexpr std::size_t kScratchKept = 256;

}  // namespace

Result<std::shared_ptr<TlsContext>> ServerShared::client_tls() {
  const std::lock_guard lock(mutex_);
  if (client_tls_ != nullptr) return client_tls_;
  auto made = TlsContext::client(config.ca_file);
  if (made) client_tls_ = *made;
  return made;
}

void Later::resume(Act act) const { target_->resume(ticket_, std::move(act), target_); }

void Later::Target::resume(std::uint64_t ticket, Act act, const std::shared_ptr<Target>& self) {
  mailbox_->post([self, ticket, act = std::move(act)]() mutable { self->deliver(ticket, act); });
}

std::uint64_t Later::Target::issue(Connection& connection) {
  waiting_.emplace(++last_ticket_, &connection);
  return last_ticket_;
}

void Later::Target::deliver(std::uint64_t ticket, Act& act) {
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return;
  Connection& connection = *found->second;
  waiting_.erase(found);
  connection.resume(act);
}

Result<std::unique_ptr<WorkerCore>> WorkerCore::create(ServerShared& shared) {
  auto loop = EventLoop::create(shared.config.event_loop);
  if (!loop) return fail(loop.error());
  return std::unique_ptr<WorkerCore>(new WorkerCore(shared, std::move(*loop)));
}

WorkerCore::WorkerCore(ServerShared& shared, std::unique_ptr<EventLoop> loop)
    : shared_(shared),
      loop_(std::move(loop)),
      target_(std::make_shared<Later::Target>(loop_->mailbox())),
      upstream_{*loop_, buffers_, shared.config.upstream, nullptr, shared.background, 0} {}

WorkerCore::~WorkerCore() {
  listeners_.clear();
  while (!connections_.empty()) connections_.begin()->first->abort();
  origins_.clear();
  // The loop's end destroys what was buried; conversations may still refer to their service then.
  loop_.reset();
  service_.reset();
}

Result<Origin*> WorkerCore::origin(std::string_view url) {
  const auto found = origins_.find(url);
  if (found != origins_.end()) return found->second.get();
  const auto parts = split_url(url);
  if (!parts || !(parts->target.empty() || parts->target == "/")) {
    return fail(ErrorCode::invalid_argument, "not an origin: " + std::string(url), "write https://host[:port]");
  }
  if (!parts->tls && !parts->loopback()) {
    return fail(ErrorCode::unsafe, "plain http to another machine: " + std::string(url), "use https");
  }
  if (parts->tls && upstream_.tls == nullptr) {
    auto tls = shared_.client_tls();
    if (!tls) return fail(tls.error());
    upstream_.tls = std::move(*tls);
  }
  auto made = std::make_unique<Origin>(upstream_, std::string(parts->host), parts->port, parts->tls);
  return origins_.emplace(std::string(url), std::move(made)).first->second.get();
}

bool WorkerCore::listen(int fd, bool unix_socket) {
  listeners_.push_back(std::make_unique<Listener>(*this, fd, unix_socket));
  return listeners_.back()->watch();
}

void WorkerCore::drain() {
  // Who waits in a queue that is about to go would be reset.
  for (const auto& listener : listeners_) listener->accept_all();
  draining_ = true;
  listeners_.clear();
  std::vector<Connection*> open;
  for (const auto& [connection, owned] : connections_) open.push_back(connection);
  for (Connection* connection : open) connection->drain();
  if (connections_.empty()) loop_->stop();
}

std::string_view WorkerCore::date_line() {
  const std::time_t now = std::time(nullptr);
  if (now == date_second_) return date_line_;
  date_second_ = now;
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
  date_line_.assign(text.data(), size);
  return date_line_;
}

std::unique_ptr<ExchangeScratch> WorkerCore::take_scratch() {
  if (scratch_.empty()) {
    scratch_.reserve(kScratchKept);
    return std::make_unique<ExchangeScratch>();
  }
  auto taken = std::move(scratch_.back());
  scratch_.pop_back();
  return taken;
}

void WorkerCore::give_scratch(std::unique_ptr<ExchangeScratch> scratch) {
  scratch->inject.clear();
  scratch->add.clear();
  if (scratch_.size() < kScratchKept) scratch_.push_back(std::move(scratch));
}

bool WorkerCore::full() const {
  return shared_.connections.load(std::memory_order_relaxed) >= shared_.config.limits.connections;
}

void WorkerCore::adopt(int fd, Peer peer, bool tls) {
  auto made = std::make_unique<Connection>(*this, std::move(peer));
  Connection& connection = *made;
  shared_.connections.fetch_add(1, std::memory_order_relaxed);
  shared_.accepted.fetch_add(1, std::memory_order_relaxed);
  connections_.emplace(&connection, std::move(made));
  if (!connection.open(fd, tls ? shared_.server_tls.get() : nullptr)) bury(connection);
}

void WorkerCore::bury(Connection& connection) {
  auto node = connections_.extract(&connection);
  if (node.empty()) return;
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  loop_->defer([dead = std::move(node.mapped())] {});
  if (draining_ && connections_.empty()) loop_->stop();
  if (starved_ && !draining_) {
    starved_ = false;
    loop_->defer([this] { resume_listening(); });
  }
}

void WorkerCore::resume_listening() {
  for (const auto& listener : listeners_) listener->accept_all();
}

}  // namespace keyfob::http
