#pragma once
// ConsoleCensus: how many grants there are, for the console's overview: counted on a thread of its own, at most once a
// minute, and only while somebody looks.

#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "config/config.hpp"
#include "ports/async.hpp"
#include "ports/clock.hpp"

namespace keyfob::node {

class ConsoleCensus {
 public:
  /// `clock` must outlive it.
  ConsoleCensus(config::StoreConfig store, const Clock& clock) : store_(std::move(store)), clock_(clock) {}

  /// {"at","grants":{"active":0,...},"renewals":{"overdue":0,"days":[...],"later":0}}. Any thread. Errors of the store.
  [[nodiscard]] Task<Result<std::string>> json();

 private:
  Task<Result<std::string>> look();

  const config::StoreConfig store_;
  const Clock& clock_;
  std::string text_{};  // the pool's thread only, as the next one
  BootTime good_until_{};
  asio::thread_pool pool_{1};  // ended before what it uses
};

}  // namespace keyfob::node
