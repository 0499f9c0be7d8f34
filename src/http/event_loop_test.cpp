#include "http/event_loop.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <functional>
#include <future>
#include <string>
#include <thread>

namespace keyfob::http {
namespace {

/// io_uring_setup(2) fails from here on, as in most containers; for this thread and those it starts.
void refuse_io_uring() {
  std::array<sock_filter, 4> rules = {{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_io_uring_setup},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  }};
  sock_fprog program{.len = static_cast<unsigned short>(rules.size()), .filter = rules.data()};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

TEST(EventLoop, is_epoll_where_io_uring_is_refused) {
  std::thread([] {
    refuse_io_uring();
    const auto made = EventLoop::create(LoopKind::automatic);
    ASSERT_TRUE(made.has_value());
    EXPECT_EQ((*made)->name(), "epoll");
    const auto refused = EventLoop::create(LoopKind::io_uring);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    EXPECT_NE(refused.error().hint.find("auto"), std::string::npos);
  }).join();
}

/// One end of a connection on the loop, the other in the test's hands. `act` is what its owner does when told.
class End final : public LoopSocket::Owner {
 public:
  explicit End(std::function<void(End&)> act) : act_(std::move(act)) {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    own_ = ends[0];
    peer_ = ends[1];
  }
  ~End() { hang_up(); }

  void open(EventLoop& loop) { socket = loop.adopt(own_, false, *this); }
  /// So much as the kernel keeps at least.
  void take_little() const {
    const int least = 1;
    EXPECT_EQ(setsockopt(own_, SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
  }
  void on_socket() override { act_(*this); }
  void say(std::string_view text) const {
    EXPECT_EQ(::write(peer_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  /// What the loop's end sends, up to its end.
  [[nodiscard]] std::string hear() const {
    std::string all;
    std::array<char, 4096> piece;
    for (ssize_t got = 0; (got = ::read(peer_, piece.data(), piece.size())) > 0;) {
      all.append(piece.data(), static_cast<std::size_t>(got));
    }
    return all;
  }
  void hang_up() {
    if (peer_ >= 0) ::close(std::exchange(peer_, -1));
  }
  /// Reads what there is into `heard`.
  IoStatus read() {
    for (;;) {
      std::array<char, 700> piece;
      const IoResult result = socket->read(piece);
      if (result.status != IoStatus::ok) return result.status;
      heard.append(piece.data(), result.bytes);
    }
  }

  SocketPtr socket;
  std::string heard;

 private:
  std::function<void(End&)> act_;
  int own_ = -1;
  int peer_ = -1;
};

std::vector<End*> all_of(const std::vector<std::unique_ptr<End>>& ends) {
  std::vector<End*> all;
  for (const auto& end : ends) all.push_back(end.get());
  return all;
}

class Loops : public ::testing::TestWithParam<LoopKind> {
 protected:
  void SetUp() override {
    auto made = EventLoop::create(GetParam());
    if (!made && GetParam() == LoopKind::io_uring) GTEST_SKIP() << made.error().what;
    ASSERT_TRUE(made.has_value());
    loop_ = std::move(*made);
  }

  static iovec part_of(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }
  /// Until it is stopped. A test that waits in vain fails instead of hanging.
  void run(std::vector<End*> ends, std::function<void()> then = [] {}) {
    loop_->mailbox()->post([&] {
      for (End* end : ends) end->open(*loop_);
      then();
    });
    class Bell final : public Deadline {
     public:
      explicit Bell(EventLoop& loop) : loop_(loop) { loop.wheel().set(*this, loop.now() + seconds(20)); }
      virtual ~Bell() = default;
      bool rang = false;

     private:
      void on_deadline() override {
        rang = true;
        loop_.stop();
      }
      EventLoop& loop_;
    } bell(*loop_);
    std::thread([this] { loop_->run(); }).join();
    EXPECT_FALSE(bell.rang);
    DeadlineWheel::clear(bell);
  }

  /// What the peer hears meanwhile; then it hangs up.
  std::string run_and_hear(End& end) {
    std::string heard;
    std::thread peer([&] {
      heard = end.hear();
      end.hang_up();
    });
    run({&end});
    peer.join();
    return heard;
  }

  std::unique_ptr<EventLoop> loop_;
};

TEST_P(Loops, read_from_more_at_once_than_there_are_buffers) {
  constexpr std::size_t kMany = 400;
  std::size_t whole = 0;
  std::vector<std::unique_ptr<End>> ends;
  for (std::size_t i = 0; i < kMany; ++i) {
    auto act = [&](End& end) {
      end.read();
      if (end.heard.size() == 2000 && ++whole == kMany) loop_->stop();
    };
    ends.push_back(std::make_unique<End>(act));
    ends.back()->say(std::string(2000, static_cast<char>('a' + i % 26)));
  }
  run(all_of(ends));
  for (std::size_t i = 0; i < kMany; ++i) {
    EXPECT_EQ(ends[i]->heard, std::string(2000, static_cast<char>('a' + i % 26)));
  }
}

TEST_P(Loops, keep_what_nobody_has_read_yet) {
  End end([&](End& each) {
    // One byte, and the rest when asked for later.
    std::array<char, 1> first;
    ASSERT_EQ(each.socket->read(first).status, IoStatus::ok);
    each.heard.append(first.data(), 1);
    loop_->defer([&] {
      EXPECT_EQ(each.read(), IoStatus::blocked);
      loop_->stop();
    });
  });
  end.say("0123456789");
  run({&end});
  EXPECT_EQ(end.heard, "0123456789");
}

TEST_P(Loops, send_what_was_written_before_the_end) {
  End end([&](End& each) {
    const iovec part = part_of("the last words");
    ASSERT_EQ(each.socket->write({&part, 1}).bytes, 14U);
    each.socket.reset();
    loop_->stop();
  });
  end.say("?");
  run({&end});
  EXPECT_EQ(end.hear(), "the last words");
}

TEST_P(Loops, finish_after_what_was_written) {
  End end([&](End& each) {
    if (each.read() == IoStatus::end) return loop_->stop();
    const std::array<iovec, 2> parts = {part_of("in "), part_of("order")};
    ASSERT_EQ(each.socket->write(parts).bytes, 8U);
    each.socket->finish();
  });
  end.say("?");
  const std::string heard = run_and_hear(end);
  EXPECT_EQ(heard, "in order");
}

TEST_P(Loops, wait_for_a_peer_that_takes_little) {
  std::string text(std::size_t{3} << 20U, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 1000) % 26);
  std::string_view rest = text;
  End end([&](End& each) {
    while (!rest.empty()) {
      const iovec part = part_of(rest);
      const IoResult result = each.socket->write({&part, 1});
      ASSERT_TRUE(result.status == IoStatus::ok || result.status == IoStatus::blocked);
      if (result.bytes == 0) return;
      rest.remove_prefix(result.bytes);
    }
    each.socket->finish();
    if (each.read() == IoStatus::end) loop_->stop();
  });
  end.say("?");
  const std::string heard = run_and_hear(end);
  EXPECT_TRUE(heard == text);
  EXPECT_EQ(end.socket->handed_over(), text.size());
}

TEST_P(Loops, deliver_after_the_end_what_a_slow_peer_has_not_taken) {
  std::size_t written = 0;
  std::promise<void> ended;
  End end([&](End& each) {
    each.take_little();
    const std::string piece(5000, 'x');
    const iovec part = part_of(piece);
    for (std::size_t more = piece.size(); more == piece.size(); written += more) {
      more = each.socket->write({&part, 1}).bytes;
    }
    each.socket.reset();
    ended.set_value();
    loop_->stop();
  });
  end.say("?");
  std::size_t heard = 0;
  std::thread peer([&] {
    ended.get_future().wait();
    heard = end.hear().size();
  });
  run({&end});
  peer.join();
  EXPECT_GT(written, 0U);
  EXPECT_EQ(heard, written);
}

TEST_P(Loops, tell_of_a_hang_up_behind_bytes_that_nobody_reads) {
  End end([&](End& each) {
    if (each.socket->hung_up()) loop_->stop();
    each.hang_up();
  });
  end.say("never read");
  run({&end});
  EXPECT_TRUE(end.socket->hung_up());
}

TEST_P(Loops, know_what_was_never_handed_over) {
  bool tried = false;
  End end([&](End& each) {
    each.hang_up();
    const iovec part = part_of("to nobody");
    if (!std::exchange(tried, true)) static_cast<void>(each.socket->write({&part, 1}));
    if (each.socket->write_failed()) loop_->stop();
  });
  end.say("?");
  run({&end});
  EXPECT_TRUE(end.socket->write_failed());
  EXPECT_EQ(end.socket->handed_over(), 0U);
}

TEST_P(Loops, say_whether_a_connection_is_fit_for_a_request) {
  std::vector<bool> fit;
  End quiet([](End&) {});
  End chatty([](End&) {});
  End closed([](End&) {});
  chatty.say("unasked");
  closed.hang_up();
  run({&quiet, &chatty, &closed}, [&] {
    fit = {quiet.socket->probe_alive(), chatty.socket->probe_alive(), closed.socket->probe_alive()};
    loop_->stop();
  });
  EXPECT_EQ(fit, (std::vector<bool>{true, false, false}));
}

TEST_P(Loops, know_of_bytes_that_have_come_and_were_not_delivered_yet) {
  bool fit = true;
  End* second = nullptr;
  End first([&](End&) {
    fit = second->socket->probe_alive();
    loop_->stop();
  });
  End chatty([](End&) {});
  second = &chatty;
  first.say("a request");
  chatty.say("unasked");
  run({&first, &chatty});
  EXPECT_FALSE(fit);
}

TEST_P(Loops, end_with_thousands_of_open_sockets) {
  constexpr std::size_t kMany = 1500;  // more than operations that can be handed to the kernel at once
  const rlimit files{.rlim_cur = 4096, .rlim_max = 4096};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  std::vector<std::unique_ptr<End>> ends;
  for (std::size_t i = 0; i < kMany; ++i) ends.push_back(std::make_unique<End>([](End&) {}));
  run(all_of(ends), [&] { loop_->stop(); });
  for (const auto& end : ends) end->socket.reset();
  loop_.reset();
  for (const auto& end : ends) EXPECT_EQ(end->hear(), "");
}

INSTANTIATE_TEST_SUITE_P(Kinds, Loops, ::testing::Values(LoopKind::epoll, LoopKind::io_uring),
                         [](const auto& kind) { return kind.param == LoopKind::epoll ? "epoll" : "io_uring"; });

}  // namespace
}  // namespace keyfob::http
