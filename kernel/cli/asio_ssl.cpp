// The half of Boost.Asio's TLS that is compiled once; the program is its only user.
#include <boost/asio/ssl/impl/src.hpp>
