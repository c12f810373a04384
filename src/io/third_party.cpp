// Boost.Asio, compiled once. The only translation unit of the runtime that may take long; see
// BOOST_ASIO_SEPARATE_COMPILATION in CMakeLists.txt, which every other source of the runtime is compiled
// with.

#include <boost/asio/impl/src.hpp>
