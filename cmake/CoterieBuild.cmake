# How everything is compiled: language, tools, warnings, sanitizers, places.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12.2)
  message(FATAL_ERROR "g++ ${CMAKE_CXX_COMPILER_VERSION} is too old for Coterie's coroutines: g++ 12.2 or newer, or clang 16.")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 16)
  message(FATAL_ERROR
    "clang ${CMAKE_CXX_COMPILER_VERSION} is too old (no std::source_location with libstdc++): clang 16 or newer, e.g. clang-19.")
endif()

if(COTERIE_MASTER_PROJECT)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
  endif()
endif()

if(COTERIE_FAST_TOOLS)
  find_program(COTERIE_CCACHE ccache)
  find_program(COTERIE_MOLD mold)
  mark_as_advanced(COTERIE_CCACHE COTERIE_MOLD)
  if(COTERIE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${COTERIE_CCACHE}")
  endif()
  if(COTERIE_MOLD)
    add_link_options(-fuse-ld=mold)
  endif()
endif()

# Static libraries hide their symbols. A shared build exports them all: the public classes carry no export macro.
if(NOT BUILD_SHARED_LIBS)
  set(CMAKE_CXX_VISIBILITY_PRESET hidden)
  set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
endif()

if(COTERIE_SANITIZERS)
  add_compile_options(-fsanitize=${COTERIE_SANITIZERS} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${COTERIE_SANITIZERS})
  # UBSan doubles the time that Boost's sources take, to check code that is not ours.
  set_source_files_properties(
    "${PROJECT_SOURCE_DIR}/src/io/third_party.cpp" "${PROJECT_SOURCE_DIR}/src/queue/third_party.cpp"
    PROPERTIES COMPILE_OPTIONS -fno-sanitize=undefined)
endif()

add_library(coterie_warnings INTERFACE)
if(COTERIE_WARNINGS)
  target_compile_options(coterie_warnings INTERFACE
    # No -Wnon-virtual-dtor: intrusive nodes are never deleted through their base, and gcc counts a friend's access as
    # public. -Wdelete-non-virtual-dtor (in -Wall) finds the real mistake.
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # std::stable_sort of libstdc++ 12 calls what libstdc++ 12 deprecates, and clang tells its callers. gcc keeps the
    # warning for ours.
    target_compile_options(coterie_warnings INTERFACE -Wno-deprecated-declarations)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    if(COTERIE_SANITIZERS)
      # gcc says of itself that -Wmaybe-uninitialized is unreliable under sanitizers: their instrumentation splits
      # the paths that the analysis joins. The release build, without sanitizers, keeps it.
      target_compile_options(coterie_warnings INTERFACE -Wno-maybe-uninitialized)
    endif()
    if(COTERIE_SANITIZERS MATCHES "thread")
      # Asio's fences; the TSan presets switch them off (BOOST_ASIO_DISABLE_FENCED_BLOCK), libstdc++'s own remain.
      target_compile_options(coterie_warnings INTERFACE -Wno-tsan)
    endif()
  endif()
  if(COTERIE_WERROR)
    target_compile_options(coterie_warnings INTERFACE -Werror)
  endif()
endif()

# Binaries carry their sanitizer's options in themselves, so that they behave the same by hand, under ctest and in
# shell tests.
add_library(coterie_sanitizer_options INTERFACE)
if(COTERIE_SANITIZERS)
  add_library(coterie_sanitizer_object OBJECT "${CMAKE_CURRENT_LIST_DIR}/sanitizer_options.cpp")
  target_link_libraries(coterie_sanitizer_options INTERFACE $<TARGET_OBJECTS:coterie_sanitizer_object>)
endif()

set(COTERIE_BIN_DIR "${PROJECT_BINARY_DIR}/bin")
