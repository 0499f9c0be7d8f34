#include "store/postgres/bell.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <utility>

namespace keyfob::postgres {
namespace {

constexpr char kListen[] = "LISTEN keyfob_changes";
constexpr char kNotify[] = "SELECT pg_notify('keyfob_changes', $1)";
constexpr Milliseconds kTogether{3};  // rings within this time are one
constexpr Milliseconds kTryAgain{500};
constexpr Milliseconds kIdle{10'000};

}  // namespace

Bell::Bell(Settings settings, WriterId self)
    : settings_(std::move(settings)), self_(std::to_string(self)), signal_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  settings_.own_backend = true;
  thread_ = std::thread([this] { work(); });
}

Bell::~Bell() {
  ending_ = true;
  signal();
  thread_.join();
  ::close(signal_);
}

void Bell::ring() {
  if (!rung_.exchange(true)) signal();
}

void Bell::signal() const {
  const std::uint64_t one = 1;
  static_cast<void>(::write(signal_, &one, sizeof one));
}

void Bell::on_ring(std::function<void()> heard) {
  const std::scoped_lock lock(mutex_);
  heard_ = std::move(heard);
}

void Bell::clear_signal() const {
  std::uint64_t count = 0;
  static_cast<void>(::read(signal_, &count, sizeof count));
}

void Bell::wait(Milliseconds d, int socket) const {
  pollfd look[] = {{signal_, POLLIN, 0}, {socket, POLLIN, 0}};
  static_cast<void>(::poll(look, socket < 0 ? 1 : 2, static_cast<int>(d.count())));
}

void Bell::pause(Milliseconds d) {
  wait(d, -1);
  clear_signal();
  rung_ = false;  // nobody can be told; polling tells them
}

bool Bell::connect() {
  if (session_ && session_->alive()) return true;
  auto opened = Session::open(settings_);
  if (!opened) return false;
  session_ = std::move(*opened);
  const auto listening = session_->run(call(kListen));
  if (listening.kind != Outcome::Kind::done) session_.reset();
  return session_ != nullptr;
}

void Bell::work() {
  while (!ending_) {
    if (connect()) {
      attend();
    } else {
      pause(kTryAgain);
    }
  }
  if (rung_ && session_) send();
}

void Bell::attend() {
  wait(kIdle, session_->socket());
  if (ending_) return;
  if (rung_) {
    ::poll(nullptr, 0, static_cast<int>(kTogether.count()));
    clear_signal();
    rung_ = false;
    send();
  }
  hear();
}

void Bell::send() {
  const auto sent = session_->run(call(kNotify, self_));
  if (sent.kind != Outcome::Kind::done) session_.reset();
}

void Bell::hear() {
  if (!session_) return;
  if (PQconsumeInput(session_->handle()) == 0) {
    session_.reset();
    return;
  }
  bool news = false;
  while (auto* notice = PQnotifies(session_->handle())) {
    news = news || self_ != notice->extra;
    PQfreemem(notice);
  }
  const std::scoped_lock lock(mutex_);
  if (news && heard_) heard_();
}

}  // namespace keyfob::postgres
