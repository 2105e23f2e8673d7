// The separately compiled halves of Asio and Beast, built once.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
