#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>

#include "engine/import_flow.hpp"

namespace keyfob::engine {
namespace {

class ImportTurnsTest : public testing::Test {
 protected:
  Task<void> import(char name) {
    const auto turn = co_await turns.take();
    story += name;
    for (int step = 0; step < 3; ++step) co_await asio::post(io, asio::use_awaitable);
    story += name;
    if (name == 'x') throw std::runtime_error("an import that fails");
  }
  void begin(char name) {
    asio::co_spawn(io, import(name), [](const std::exception_ptr&) {});
  }

  asio::io_context io;
  ImportTurns turns{io.get_executor()};
  std::string story;
};

TEST_F(ImportTurnsTest, go_one_after_the_other_in_the_order_of_coming) {
  for (const char name : {'a', 'b', 'c'}) begin(name);
  io.run();
  EXPECT_EQ(story, "aabbcc");
}

TEST_F(ImportTurnsTest, end_with_an_import_that_fails) {
  for (const char name : {'x', 'b'}) begin(name);
  io.run();
  EXPECT_EQ(story, "xxbb");
}

}  // namespace
}  // namespace keyfob::engine
