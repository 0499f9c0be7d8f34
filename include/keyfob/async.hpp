#pragma once
/// @file
/// The calls that wait, as awaitables of Boost.Asio. Await them on any executor; they complete on the awaiting one.
/// Compile with the definitions that the package carries (BOOST_ASIO_SEPARATE_COMPILATION and others): find_package and
/// pkg-config do that.
///
/// Broker and Client must outlive what is awaited. Cancelling a wait never cancels a refresh.

#include <boost/asio/awaitable.hpp>

#include "keyfob/broker.hpp"
#include "keyfob/client.hpp"

namespace keyfob {

/// Broker::token().
[[nodiscard]] boost::asio::awaitable<Expected<Token>> async_token(Broker& broker, TokenQuery query);
/// Broker::refresh().
[[nodiscard]] boost::asio::awaitable<Expected<GrantInfo>> async_refresh(Broker& broker, std::string app,
                                                                        std::string grant);
/// Broker::revoke().
[[nodiscard]] boost::asio::awaitable<Expected<Revoked>> async_revoke(Broker& broker, std::string app,
                                                                     std::string grant);
/// Broker::finish_consent().
[[nodiscard]] boost::asio::awaitable<Expected<GrantInfo>> async_finish_consent(Broker& broker, Callback callback);
/// Client::token().
[[nodiscard]] boost::asio::awaitable<Expected<Token>> async_token(Client& client, TokenQuery query);

}  // namespace keyfob
