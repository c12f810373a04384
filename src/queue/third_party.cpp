// Boost.JSON, compiled once: its header-only mode wants src.hpp in exactly one translation unit of a program,
// and this is that one for everybody who links coterie::queue.

#include <boost/json/src.hpp>
