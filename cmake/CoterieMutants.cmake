# Mutants: test binaries in which one text of one source, header or Lua script is wrong, see scripts/mutants and
# tests/mutants/. Nothing of it is built by default; the target `mutants` builds all, `ctest -L mutants` runs them.

coterie_find(GTest "libgtest-dev libgmock-dev")
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)

set(_coterie_mutants_script "${PROJECT_SOURCE_DIR}/scripts/mutants")
file(GLOB _coterie_mutants_lists CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/mutants/*.toml")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${_coterie_mutants_lists} "${_coterie_mutants_script}")

add_custom_target(mutants)

# What all of them share. The testing floor's sources, without the queue that coterie::testing links: only mutants of the
# queue wait for it to be built.
file(GLOB _coterie_testing_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/testing/*.cpp")
add_library(coterie_mutants_support STATIC EXCLUDE_FROM_ALL ${_coterie_testing_sources})
target_include_directories(coterie_mutants_support PUBLIC "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/tests")
target_link_libraries(coterie_mutants_support PUBLIC coterie::runtime OpenSSL::SSL GTest::gmock GTest::gtest GTest::gtest_main)

# The library that the tests of `key` need.
function(_coterie_mutant_library key out)
  set(${out} coterie_mutants_support PARENT_SCOPE)
  if("${_coterie_mutant_sources_${key}}" MATCHES "/tests/(simulation/queue|queue|brokers)/")
    set(${out} coterie_mutants_support coterie::queue coterie::hiredis PARENT_SCOPE)
  endif()
endfunction()

function(_coterie_mutant_executable target key)
  _coterie_mutant_library(${key} library)
  add_executable(${target} EXCLUDE_FROM_ALL ${ARGN})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/mutants/bin")
  target_link_libraries(${target} PRIVATE ${library})
  add_dependencies(mutants ${target})
endfunction()

function(_coterie_mutant_test name)
  add_test(NAME "mutants.${name}" COMMAND Python3::Interpreter "${_coterie_mutants_script}" ${ARGN})
  set_tests_properties("mutants.${name}" PROPERTIES LABELS mutants TIMEOUT 300 ENVIRONMENT "COTERIE_SEEDS=1000")
endfunction()

# coterie_mutant_tests(key filters source...): the test sources of some mutants. Unmutated they must pass.
function(coterie_mutant_tests key filters)
  list(TRANSFORM ARGN PREPEND "${PROJECT_SOURCE_DIR}/")
  set(_coterie_mutant_sources_${key} "${ARGN}")
  set(_coterie_mutant_sources_${key} "${ARGN}" PARENT_SCOPE)
  _coterie_mutant_library(${key} library)
  add_library(mutant_tests_${key} OBJECT EXCLUDE_FROM_ALL ${ARGN})
  target_link_libraries(mutant_tests_${key} PRIVATE ${library})
  _coterie_mutant_executable(original_${key} ${key} $<TARGET_OBJECTS:mutant_tests_${key}>)
  _coterie_mutant_test("original.${key}" original "${filters}" $<TARGET_FILE:original_${key}>)
endfunction()

# coterie_mutant(name file key source...): `file` is the one that is mutated, `key` names its tests, `source...` is
# compiled besides. A source's copy is an object, so that the linker does not take the one of the library. A header's
# copy stands first in the include path, and the tests are compiled again. Of a script it is the include made of all of
# them, and the one source that has it is compiled again.
function(coterie_mutant name file key)
  set(folder "${PROJECT_BINARY_DIR}/mutants/${name}")
  set(made "${file}")
  set(command apply ${name})
  set(needed "${PROJECT_SOURCE_DIR}/${file}")
  if(file MATCHES "\\.lua$")
    set(made include/coterie_redis_scripts.inc)
    set(needed "${PROJECT_BINARY_DIR}/generated/coterie_redis_scripts.inc")
    set(command embed ${name} "${needed}")
    list(APPEND ARGN src/brokers/redis/scripts.cpp)
  endif()
  set(copy "${folder}/${made}")
  # A mutant that is made of another file now: its old copy would still stand first in the include path.
  file(GLOB_RECURSE copies RELATIVE "${folder}" "${folder}/*")
  foreach(copy IN LISTS copies)
    if(NOT copy STREQUAL made)
      file(REMOVE "${folder}/${copy}")
    endif()
  endforeach()
  add_custom_command(OUTPUT "${copy}"
    COMMAND Python3::Interpreter "${_coterie_mutants_script}" ${command} "${copy}"
    DEPENDS "${_coterie_mutants_script}" "${needed}" ${_coterie_mutants_lists}
    COMMENT "Mutant ${name}" VERBATIM)
  list(TRANSFORM ARGN PREPEND "${PROJECT_SOURCE_DIR}/")
  if(file MATCHES "\\.(cpp|lua)$")
    set(tests $<TARGET_OBJECTS:mutant_tests_${key}>)
  else()
    set(tests ${_coterie_mutant_sources_${key}})
  endif()
  _coterie_mutant_executable(mutant_${name} ${key} ${tests} ${ARGN} "${copy}")
  target_include_directories(mutant_${name} BEFORE PRIVATE "${folder}/include")
  _coterie_mutant_test(${name} run ${name} "${PROJECT_BINARY_DIR}/mutants/results/${name}.txt" $<TARGET_FILE:mutant_${name}>)
endfunction()

execute_process(COMMAND "${Python3_EXECUTABLE}" "${_coterie_mutants_script}" cmake
  OUTPUT_FILE "${PROJECT_BINARY_DIR}/mutants.cmake" COMMAND_ERROR_IS_FATAL ANY)
include("${PROJECT_BINARY_DIR}/mutants.cmake")
