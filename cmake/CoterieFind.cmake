# Finding what we build on; a failure names the package that cures it.

function(_coterie_missing what apt)
  message(FATAL_ERROR
    "${what} was not found.\n"
    "  Debian, Ubuntu:  sudo apt-get install ${apt}\n"
    "  or everything:   scripts/bootstrap all\n")
endfunction()

# coterie_find(NAME apt-package [arguments of find_package...])
macro(coterie_find name apt)
  find_package(${name} QUIET ${ARGN})
  if(NOT ${name}_FOUND)
    _coterie_missing("${name}" "${apt}")
  endif()
endmacro()

# coterie_find_header(TARGET header apt-package): an imported interface target for a library that is only headers.
function(coterie_find_header target header apt)
  if(TARGET ${target})
    return()
  endif()
  string(MAKE_C_IDENTIFIER "COTERIE_${header}_DIR" variable)
  find_path(${variable} ${header})
  mark_as_advanced(${variable})
  if(NOT ${variable})
    _coterie_missing("<${header}>" "${apt}")
  endif()
  add_library(${target} INTERFACE IMPORTED)
  target_include_directories(${target} SYSTEM INTERFACE "${${variable}}")
endfunction()

# Boost >= 1.81, headers only. Debian 12's default is 1.74, whose Asio has no cancellation slots.
macro(coterie_find_boost)
  find_package(Boost 1.81 QUIET CONFIG)
  if(NOT Boost_FOUND AND NOT POLICY CMP0167)
    find_package(Boost 1.81 QUIET MODULE)
  endif()
  if(NOT Boost_FOUND)
    set(_coterie_boost "Boost >= 1.81")
    if(Boost_CONSIDERED_VERSIONS)
      string(APPEND _coterie_boost " (only ${Boost_CONSIDERED_VERSIONS} is here)")
    endif()
    _coterie_missing("${_coterie_boost}" "libboost1.81-dev   (Debian 13, Ubuntu 24.04: libboost-dev)")
  endif()
endmacro()

# coterie::hiredis, the parser of Redis' replies. Its own CMake package exists from 1.0 on; Debian 12 has 0.14.
macro(coterie_find_hiredis)
  find_package(CoterieHiredis QUIET)
  if(NOT CoterieHiredis_FOUND)
    _coterie_missing("hiredis" "libhiredis-dev")
  endif()
endmacro()
