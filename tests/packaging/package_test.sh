#!/usr/bin/env bash
# The installed package serves find_package(coterie), and the tree serves add_subdirectory.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
consumer=$COTERIE_SOURCE/tests/packaging/consumer

cached() { sed -n "s/^$1:[A-Z]*=//p" "$COTERIE_BUILD/CMakeCache.txt"; }
sanitizers=$(cached COTERIE_SANITIZERS)
options=(-G Ninja -DCMAKE_CXX_COMPILER="$(cached CMAKE_CXX_COMPILER)"
  ${sanitizers:+-DCMAKE_CXX_FLAGS="-fsanitize=$sanitizers"})

cmake --install "$COTERIE_BUILD" --prefix "$work/prefix" --component dev >/dev/null
cmake -S "$consumer" -B "$work/find" "${options[@]}" -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/log" || { cat "$work/log"; exit 1; }
cmake --build "$work/find" -j 1 >"$work/log" || { cat "$work/log"; exit 1; }
[[ $("$work/find/consumer") == '{"installed":true}' ]]

# Configured only: building the libraries once more would tell nothing that the build itself does not.
cmake -S "$consumer" -B "$work/subdirectory" "${options[@]}" -DCOTERIE_SOURCE="$COTERIE_SOURCE" >"$work/log" || { cat "$work/log"; exit 1; }

if cmake -S "$consumer" -B "$work/unknown" "${options[@]}" -DCMAKE_PREFIX_PATH="$work/none" >"$work/log" 2>&1; then
  echo "find_package found Coterie where it is not installed: the check above proves nothing" >&2
  exit 1
fi
