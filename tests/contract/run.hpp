#pragma once
// run(): awaits Tasks from a plain test.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "ports/async.hpp"

namespace keyfob::contract {

/// All at once on one thread; answers in the order of the tasks.
template <class T>
std::vector<T> run_all(std::vector<Task<T>> tasks) {
  asio::io_context context;
  std::vector<std::optional<T>> answers(tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    auto deliver = [&answers, i](std::exception_ptr thrown, T answer) {
      if (thrown) std::rethrow_exception(thrown);
      answers[i].emplace(std::move(answer));
    };
    asio::co_spawn(context, std::move(tasks[i]), std::move(deliver));
  }
  context.run();
  std::vector<T> all;
  for (auto& answer : answers) all.push_back(std::move(answer.value()));
  return all;
}

template <class T>
T run(Task<T> task) {
  std::vector<Task<T>> tasks;
  tasks.push_back(std::move(task));
  return std::move(run_all(std::move(tasks)).front());
}

}  // namespace keyfob::contract
