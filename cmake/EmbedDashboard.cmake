# cmake -DWEB=… -DWORK=… -DOUT=… -DOPENAPI=… -DPAGES=ON|AUTO|OFF -DNPM=… -P EmbedDashboard.cmake
# Writes OUT, a C++ source with the assets of the dashboard.
cmake_minimum_required(VERSION 3.25)

# as_array(NAME file): a definition of NAME with the file's bytes.
function(as_array out name file)
  file(READ "${file}" bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  set(${out} "constexpr unsigned char ${name}[] = {${bytes}0};\n" PARENT_SCOPE)
endfunction()

set(third_party "node_modules/htm/preact/standalone.module.js")  # preact, its hooks and htm in one file

# Only where the lock has changed: no build asks the network twice.
function(install_packages result)
  file(SHA256 "${WEB}/package-lock.json" wanted)
  set(stamp "${WORK}/installed")
  if(EXISTS "${stamp}")
    file(READ "${stamp}" there)
  endif()
  set(${result} TRUE PARENT_SCOPE)
  if("${there}" STREQUAL "${wanted}")
    return()
  endif()
  file(MAKE_DIRECTORY "${WORK}")
  file(COPY "${WEB}/package.json" "${WEB}/package-lock.json" DESTINATION "${WORK}")
  execute_process(COMMAND "${NPM}" ci --ignore-scripts --no-audit --no-fund --loglevel=error
    WORKING_DIRECTORY "${WORK}" RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(status EQUAL 0)
    file(WRITE "${stamp}" "${wanted}")
    return()
  endif()
  set(${result} FALSE PARENT_SCOPE)
  set(why "npm could not fetch the dashboard's packages (npm ci in ${WORK}):\n${said}")
  if(PAGES STREQUAL "AUTO")
    message(WARNING "${why}\nThe dashboard has no pages in this build; its API is there.")
  else()
    message(FATAL_ERROR "${why}\nWithout the pages: -DCOTERIE_DASHBOARD=OFF")
  endif()
endfunction()

set(with_pages FALSE)
if(PAGES)
  install_packages(with_pages)
endif()

set(files)
set(build "none")
if(with_pages)
  file(GLOB own "${WEB}/*.js" "${WEB}/*.css" "${WEB}/*.html" "${WEB}/*.svg" "${WEB}/*.webmanifest")
  list(SORT own)
  list(APPEND files ${own})
  foreach(file IN LISTS third_party)
    list(APPEND files "${WORK}/${file}")
  endforeach()
  set(all)
  foreach(file IN LISTS files)
    file(SHA256 "${file}" hash)
    string(APPEND all "${hash}")
  endforeach()
  string(SHA256 build "${all}")
  string(SUBSTRING "${build}" 0 12 build)
endif()

set(arrays)
set(table)
set(total 0)
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  get_filename_component(extension "${file}" LAST_EXT)
  set(copy "${WORK}/${name}")
  file(READ "${file}" text)
  string(REPLACE "@BUILD@" "${build}" text "${text}")
  if(extension STREQUAL ".html")
    file(WRITE "${copy}" "${text}")
  elseif(extension MATCHES "^.(js|css)$" AND NOT file STREQUAL copy)
    # Without the lines that are comments and without what lines are indented by, which are for who reads the source:
    # 3.2 kB of all, gzipped. What a template begins its lines with is no text: htm leaves it out.
    set(shorter "/^[[:space:]]*\\/\\/.*$/d; /^[[:space:]]*\\/\\*.*\\*\\/$/d; /^[[:space:]]*\\/\\*\\*/,/\\*\\/$/d; s/^[[:space:]]+//; /^$/d")
    if(extension STREQUAL ".css")
      string(APPEND shorter "; s/([:;{}]) /\\1/g; s/ ([{}])/\\1/g; s/;}/}/g; s/, /,/g; H; $!d; x; s/\\n//g")
    else()
      # A line of words.js.
      string(APPEND shorter "; /^\\w+: \\[/{s/: /:/; s/', '/','/g}")
    endif()
    execute_process(COMMAND sed -E "${shorter}" "${file}" OUTPUT_FILE "${copy}" RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "sed could not read ${file}")
    endif()
  elseif(NOT file STREQUAL copy)
    configure_file("${file}" "${copy}" COPYONLY)
  endif()
  execute_process(COMMAND gzip -9nc "${copy}" OUTPUT_FILE "${copy}.gz" RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "gzip could not compress ${copy}")
  endif()
  file(SIZE "${copy}.gz" size)
  math(EXPR total "${total} + ${size}")
  file(SHA256 "${copy}" hash)
  string(SUBSTRING "${hash}" 0 16 hash)
  set(type_.js "text/javascript; charset=utf-8")
  set(type_.css "text/css; charset=utf-8")
  set(type_.html "text/html; charset=utf-8")
  set(type_.svg "image/svg+xml")
  string(MAKE_C_IDENTIFIER "${name}" id)
  as_array(plain "plain_${id}" "${copy}")
  as_array(gzip "gzip_${id}" "${copy}.gz")
  string(APPEND arrays "${plain}${gzip}")
  string(APPEND table
    "    Asset{\"${name}\", \"${type_${extension}}\", \"\\\"${hash}\\\"\", text(plain_${id}), text(gzip_${id})},\n")
endforeach()
list(LENGTH files count)
as_array(openapi "openapi" "${OPENAPI}")
if(with_pages)
  message(STATUS "Dashboard: ${count} files, ${total} bytes gzipped")
endif()

file(WRITE "${OUT}" "// Made by cmake/EmbedDashboard.cmake.
#include <array>

#include \"src/dashboard/assets.hpp\"
#include \"src/dashboard/openapi.hpp\"

namespace coterie::dashboard {
namespace {
template <std::size_t N>
std::string_view text(const unsigned char (&bytes)[N]) {
  return {reinterpret_cast<const char*>(bytes), N - 1};
}
${arrays}${openapi}
}  // namespace
std::span<const Asset> assets() noexcept {
  static const std::array<Asset, ${count}> all{{
${table}  }};
  return all;
}
std::string_view assets_build() noexcept { return \"${build}\"; }
std::string_view openapi_document() noexcept { return text(openapi); }
}  // namespace coterie::dashboard
")
