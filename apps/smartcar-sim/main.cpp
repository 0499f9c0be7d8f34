// smartcar-sim: a faithful local Smartcar on one port. See docs/simulator.md.
#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "http/beast_server.hpp"
#include "options.hpp"
#include "web/courier.hpp"
#include "web/front.hpp"

namespace {

using namespace keyfob;

int run(const sim::CommandLine& line) {
  sim::Sim sim(line.sim);
  sim::Front front(sim);
  boost::asio::io_context io(1);
  const auto handle = [&front](http::Request request) { return front.handle(std::move(request)); };
  auto server = http::BeastServer::listen_staged(io.get_executor(), line.listen, handle);
  if (!server) {
    fmt::print(stderr, "smartcar-sim: {}\n", server.error().what);
    if (!server.error().hint.empty()) fmt::print(stderr, "{}\n", server.error().hint);
    return server.error().code == ErrorCode::invalid_argument ? 2 : 1;
  }
  const sim::Courier courier(sim, io.get_executor());
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&io](const boost::system::error_code&, int) { io.stop(); });
  fmt::print("smartcar-sim listening on {}\n", server->origin());
  std::fflush(stdout);
  io.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const auto line = keyfob::sim::read_command_line(argc, argv);
  if (const int* code = std::get_if<int>(&line)) return *code;
  return run(std::get<keyfob::sim::CommandLine>(line));
} catch (const std::exception& error) {
  std::fputs(error.what(), stderr);
  return 1;
}
