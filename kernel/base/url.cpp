// The separately compiled half of Boost.URL, built once.
#include <boost/url/src.hpp>
