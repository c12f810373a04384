# The targets. Sources are found by folder, so that a new file needs no edit here:
#   src/<floor>/**.cpp      into the library that owns the floor
#   tests/<dir>/**.cpp      one GoogleTest executable <dir>_tests; tests/<dir>/CMakeLists.txt, if any, instead
#   tests/**/*_test.sh      one test each, run by bash with COTERIE_BIN set
#   bench/*_bench.cpp       an executable each
#   bench/runtime/*.cpp     runtime_bench
#   bench/reference/*.cpp   an executable each: what make bench compares it with
#   bench/queue/*.cpp       our side of make bench-queue
#   examples/x.cpp, examples/x/*.cpp   an executable each
#   fuzz/*.cpp              a fuzzer each

# coterie_library(NAME FLOORS folder...): coterie_NAME, alias coterie::NAME. Without sources: an INTERFACE library.
function(coterie_library name)
  cmake_parse_arguments(ARG "" "" "FLOORS" ${ARGN})
  set(sources)
  foreach(floor IN LISTS ARG_FLOORS)
    file(GLOB found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${floor}/*.cpp")
    list(APPEND sources ${found})
  endforeach()

  set(target coterie_${name})
  set(scope PUBLIC)
  if(sources)
    add_library(${target} ${sources})
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}")
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:coterie_warnings>)
    set_target_properties(${target} PROPERTIES
      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(coterie::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} ${scope} cxx_std_20)
  target_include_directories(${target} ${scope}
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
endfunction()

# Links PUBLIC, or INTERFACE where the library has no sources yet.
function(coterie_link_library name)
  get_target_property(type coterie_${name} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    target_link_libraries(coterie_${name} INTERFACE ${ARGN})
  else()
    target_link_libraries(coterie_${name} PUBLIC ${ARGN})
  endif()
endfunction()

# coterie_executable(TARGET folder-below-the-build source...)
function(coterie_executable target folder)
  add_executable(${target} ${ARGN})
  target_link_libraries(${target} PRIVATE coterie_warnings coterie_sanitizer_options)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${folder}")
endfunction()

function(coterie_command)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/cli/*.cpp")
  if(NOT sources)
    return()
  endif()
  coterie_find_header(coterie_cli11 "CLI/CLI.hpp" "libcli11-dev")
  coterie_find(spdlog "libspdlog-dev")  # in log.cpp alone
  coterie_executable(coterie_command bin ${sources})
  set_target_properties(coterie_command PROPERTIES OUTPUT_NAME coterie)
  target_include_directories(coterie_command PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_definitions(coterie_command PRIVATE COTERIE_VERSION="${PROJECT_VERSION}")
  target_link_libraries(coterie_command PRIVATE coterie::queue coterie::dashboard coterie_cli11 spdlog::spdlog)
  set(CURSES_NEED_WIDE TRUE)
  coterie_find(Curses "libncurses-dev")  # in top/terminal.cpp alone
  target_include_directories(coterie_command PRIVATE ${CURSES_INCLUDE_DIRS})
  target_link_libraries(coterie_command PRIVATE ${CURSES_LIBRARIES})
endfunction()

# Examples stand on the public API: src/ is not in their include path.
function(coterie_examples)
  file(GLOB_RECURSE all CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/examples" "${PROJECT_SOURCE_DIR}/examples/*.cpp")
  set(names)
  foreach(file IN LISTS all)
    string(REGEX REPLACE "(/.*|\\.cpp)$" "" name "${file}")
    list(APPEND names ${name})
    list(APPEND sources_${name} "${PROJECT_SOURCE_DIR}/examples/${file}")
  endforeach()
  if(NOT names)
    return()
  endif()
  list(REMOVE_DUPLICATES names)
  coterie_find(ZLIB "zlib1g-dev")
  foreach(name IN LISTS names)
    coterie_executable(example_${name} examples ${sources_${name}})
    set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name})
    target_link_libraries(example_${name} PRIVATE coterie::queue OpenSSL::Crypto ZLIB::ZLIB)
  endforeach()
  target_link_libraries(example_file_index PRIVATE coterie::dashboard)
endfunction()

function(coterie_benches)
  # Not in all: make bench-queue builds it, and it needs no library of benchmarks.
  coterie_executable(bench_queue_coterie bench "${PROJECT_SOURCE_DIR}/bench/queue/coterie_bench.cpp")
  set_target_properties(bench_queue_coterie PROPERTIES EXCLUDE_FROM_ALL ON)
  target_link_libraries(bench_queue_coterie PRIVATE coterie::queue)
  # Not in all: docs/dashboard.md has its figures.
  coterie_executable(bench_dashboard bench "${PROJECT_SOURCE_DIR}/bench/dashboard.cpp")
  set_target_properties(bench_dashboard PROPERTIES EXCLUDE_FROM_ALL ON)
  target_include_directories(bench_dashboard PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(bench_dashboard PRIVATE coterie::dashboard)

  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/*_bench.cpp")
  if(NOT sources)
    return()
  endif()
  find_package(benchmark QUIET)
  if(NOT benchmark_FOUND)
    if(COTERIE_BENCH STREQUAL "AUTO")
      message(STATUS "No benchmarks: Google Benchmark is not installed (libbenchmark-dev)")
      return()
    endif()
    _coterie_missing("Google Benchmark" "libbenchmark-dev")
  endif()
  add_custom_target(benchmarks)
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    coterie_benchmark(${name} ${source})
    target_link_libraries(${name} PRIVATE coterie::queue coterie::testing)
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/runtime/*.cpp")
  coterie_benchmark(runtime_bench ${sources})

  # Each stands for itself: no library of ours, and flags as ours have them.
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/reference/*.cpp")
  add_custom_target(references)
  add_dependencies(benchmarks references)
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(reference_${name} "${source}")
    set_target_properties(reference_${name} PROPERTIES
      OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bench/reference" EXCLUDE_FROM_ALL ON)
    target_compile_features(reference_${name} PRIVATE cxx_std_20)
    target_link_libraries(reference_${name} PRIVATE Threads::Threads)
    add_dependencies(references reference_${name})
  endforeach()
endfunction()

# bench/plot-scheduling draws what it prints, and a test compares that with the picture in docs.
function(coterie_overload)
  coterie_executable(bench_overload bench "${PROJECT_SOURCE_DIR}/bench/overload.cpp")
  if(NOT COTERIE_TESTS)
    set_target_properties(bench_overload PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  target_link_libraries(bench_overload PRIVATE coterie::runtime coterie::testing)
endfunction()

function(coterie_benchmark name)
  coterie_executable(${name} bench ${ARGN})
  add_dependencies(benchmarks ${name})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE coterie::runtime benchmark::benchmark)
endfunction()

# coterie_test_executable(dir source...): what a tests/<dir>/CMakeLists.txt can call too. Only tests of the queue wait
# for it to be built.
function(coterie_test_executable dir)
  set(library coterie::runtime)
  if(dir MATCHES "^(queue|brokers|cli|metrics)$")
    set(library coterie::queue SQLite::SQLite3 coterie::hiredis)
  elseif(dir MATCHES "^(http|otlp)$")
    set(library coterie::http)
  elseif(dir STREQUAL "dashboard")
    set(library coterie::dashboard)
  elseif(dir STREQUAL "io")
    list(APPEND library OpenSSL::SSL)  # certificates, and the other end
  endif()
  coterie_executable(${dir}_tests tests ${ARGN})
  target_include_directories(${dir}_tests PRIVATE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/tests")
  target_compile_definitions(${dir}_tests PRIVATE
    COTERIE_BIN_DIR="${COTERIE_BIN_DIR}" COTERIE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${dir}_tests PRIVATE
    coterie::testing ${library} GTest::gmock GTest::gtest GTest::gtest_main)
  set(discover TEST_PREFIX "${dir}." DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60)
  if(dir STREQUAL "simulation")
    # Cancels by exception fill the fake stack of this check with frames that are swept again and again: twenty times
    # the time. Coroutines' frames stand on the heap, where AddressSanitizer sees them as ever.
    set(environment ENVIRONMENT ASAN_OPTIONS=detect_stack_use_after_return=0)
  endif()
  # A cluster takes seconds to start: its suite is one test, on one cluster, and not two hundred.
  gtest_discover_tests(${dir}_tests ${discover} TEST_FILTER "-Threads*:RedisCluster/BrokerSuite*"
    PROPERTIES LABELS ${dir} TIMEOUT 120 ${environment})
  if(dir STREQUAL "brokers")
    foreach(shards IN ITEMS redis_cluster redis_cluster_1_shard)
      add_test(NAME "brokers.BrokerSuite/${shards}"
        COMMAND ${dir}_tests --gtest_brief=1 "--gtest_filter=RedisCluster/BrokerSuite*/${shards}")
      set_tests_properties("brokers.BrokerSuite/${shards}" PROPERTIES LABELS brokers TIMEOUT 600 COST 600)
    endforeach()
  endif()
  # Suites whose name begins with Threads use several: they have that label too, for ThreadSanitizer. Set in a file of
  # their own, because gtest_discover_tests() takes no lists for properties.
  if(ARGN MATCHES "/threads_")
    gtest_discover_tests(${dir}_tests ${discover} TEST_FILTER "Threads*" TEST_LIST ${dir}_threads PROPERTIES TIMEOUT 120)
    file(CONFIGURE OUTPUT ${dir}_threads_labels.cmake @ONLY CONTENT [[
if(@dir@_threads)
  set_tests_properties(${@dir@_threads} PROPERTIES LABELS "@dir@;threads")
endif()
]])
    set_property(DIRECTORY APPEND PROPERTY
      TEST_INCLUDE_FILES "${CMAKE_CURRENT_BINARY_DIR}/${dir}_threads_labels.cmake")
  endif()
endfunction()

function(coterie_tests)
  find_package(GTest QUIET)
  if(NOT GTest_FOUND OR NOT TARGET GTest::gmock)
    if(COTERIE_TESTS STREQUAL "AUTO")
      message(STATUS "No tests: GoogleTest is not installed (libgtest-dev libgmock-dev)")
      return()
    endif()
    _coterie_missing("GoogleTest" "libgtest-dev libgmock-dev")
  endif()
  include(GoogleTest)

  set(root "${PROJECT_SOURCE_DIR}/tests")
  file(GLOB_RECURSE all CONFIGURE_DEPENDS RELATIVE "${root}" "${root}/*.cpp" "${root}/*_test.sh" "${root}/*/CMakeLists.txt")
  set(dirs)
  foreach(file IN LISTS all)
    if(NOT file MATCHES "^([^/]+)/")
      message(FATAL_ERROR "tests/${file} stands in no folder: move it to tests/<folder>/.")
    endif()
    set(dir "${CMAKE_MATCH_1}")
    list(APPEND dirs ${dir})
    if(file MATCHES "\\.cpp$")
      list(APPEND sources_${dir} "${root}/${file}")
    elseif(file MATCHES "\\.sh$")
      list(APPEND scripts_${dir} "${root}/${file}")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES dirs)

  foreach(dir IN LISTS dirs)
    if(EXISTS "${root}/${dir}/CMakeLists.txt")
      add_subdirectory("${root}/${dir}" "${PROJECT_BINARY_DIR}/tests/${dir}")
    elseif(sources_${dir})
      coterie_test_executable(${dir} ${sources_${dir}})
    endif()
    foreach(script IN LISTS scripts_${dir})
      get_filename_component(name "${script}" NAME_WE)
      add_test(NAME "${dir}.${name}" COMMAND bash "${script}")
      # The long ones begin first, also where nobody has measured yet which these are: one alone at the end leaves the
      # other cores idle.
      set(seconds 120)
      if(dir STREQUAL "web")
        set(seconds 900)  # a browser, on a machine that does ten other things too
      endif()
      set_tests_properties("${dir}.${name}" PROPERTIES LABELS ${dir} TIMEOUT ${seconds} COST ${seconds} SKIP_RETURN_CODE 77
        ENVIRONMENT "COTERIE_BIN=${COTERIE_BIN_DIR};COTERIE_BUILD=${PROJECT_BINARY_DIR};COTERIE_SOURCE=${PROJECT_SOURCE_DIR}")
    endforeach()
  endforeach()
endfunction()

function(coterie_fuzzers)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/fuzz/*.cpp")
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    coterie_executable(fuzz_${name} fuzz ${source})
    target_include_directories(fuzz_${name} PRIVATE "${PROJECT_SOURCE_DIR}")
    target_link_libraries(fuzz_${name} PRIVATE coterie::dashboard)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  endforeach()
endfunction()
