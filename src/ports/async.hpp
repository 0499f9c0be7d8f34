#pragma once
// Task: what an asynchronous port returns. A Task starts when awaited, resumes on the awaiting coroutine's executor,
// and may be cancelled through Asio's per-operation cancellation where its port says so.

#include <boost/asio/awaitable.hpp>

namespace keyfob {

namespace asio = boost::asio;

template <class T>
using Task = boost::asio::awaitable<T>;

}  // namespace keyfob
