# coterie::hiredis: hiredis 0.14 or 1.x, by its header and its library. Installed beside coterie-config.cmake, which needs
# it for the static library. hiredis' own CMake package came with 1.0, and Debian 12 has 0.14.

find_path(COTERIE_HIREDIS_DIR hiredis/read.h)
find_library(COTERIE_HIREDIS_LIBRARY hiredis)
mark_as_advanced(COTERIE_HIREDIS_DIR COTERIE_HIREDIS_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CoterieHiredis REQUIRED_VARS COTERIE_HIREDIS_LIBRARY COTERIE_HIREDIS_DIR)

if(CoterieHiredis_FOUND AND NOT TARGET coterie::hiredis)
  add_library(coterie::hiredis UNKNOWN IMPORTED)
  set_target_properties(coterie::hiredis PROPERTIES IMPORTED_LOCATION "${COTERIE_HIREDIS_LIBRARY}")
  target_include_directories(coterie::hiredis SYSTEM INTERFACE "${COTERIE_HIREDIS_DIR}")
endif()
