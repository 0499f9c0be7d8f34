// Asio compiled once for the whole program (BOOST_ASIO_SEPARATE_COMPILATION); also the owner of the shared precompiled
// header.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
