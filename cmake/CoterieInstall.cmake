# Installation (find_package(coterie COMPONENTS runtime queue http dashboard testing)) and the Debian packages.

include(CMakePackageConfigHelpers)

set(_coterie_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/coterie")

install(TARGETS coterie_runtime coterie_queue coterie_http coterie_dashboard coterie_testing EXPORT coterie-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
install(DIRECTORY DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/coterie" COMPONENT dev)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/coterie" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev OPTIONAL
  FILES_MATCHING PATTERN "*.hpp")
install(FILES "${PROJECT_SOURCE_DIR}/share/coterie/gdb/coterie.py"
  DESTINATION ${CMAKE_INSTALL_DATADIR}/coterie/gdb COMPONENT dev)
install(EXPORT coterie-targets NAMESPACE coterie:: DESTINATION ${_coterie_config_dir} COMPONENT dev)
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/coterie-config.cmake.in"
  "${PROJECT_BINARY_DIR}/coterie-config.cmake" INSTALL_DESTINATION ${_coterie_config_dir})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/coterie-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/coterie-config.cmake" "${PROJECT_BINARY_DIR}/coterie-config-version.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/FindCoterieHiredis.cmake" DESTINATION ${_coterie_config_dir} COMPONENT dev)
# What the packages hold, and no test or benchmark beside it.
add_custom_target(packaged DEPENDS coterie_runtime coterie_queue coterie_http coterie_dashboard coterie_testing)
if(TARGET coterie_command)
  install(TARGETS coterie_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
  add_dependencies(packaged coterie_command)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "The Coterie authors")
set(CPACK_PACKAGE_CONTACT "The Coterie authors <coterie@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_COMPONENTS_ALL dev)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libcoterie-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS
  "libboost1.81-dev | libboost-dev (>= 1.81), libsqlite3-dev, libssl-dev, libhiredis-dev")
if(TARGET coterie_command)
  list(APPEND CPACK_COMPONENTS_ALL command)
  set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME coterie)
  set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION utils)
  set(CPACK_DEBIAN_COMMAND_PACKAGE_SHLIBDEPS ON)
endif()
include(CPack)
