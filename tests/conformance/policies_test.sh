#!/usr/bin/env bash
# Every test of conformance on a virtual loop holds under each scheduling policy, but for those of policies.txt.
set -euo pipefail
tests="$COTERIE_BUILD/tests/conformance_tests"
list="$COTERIE_SOURCE/tests/conformance/policies.txt"
policies="priority aging weighted-round-robin fair-share"
[[ -x $tests ]] || { echo "skipped: $tests is not built"; exit 77; }

existing=$("$tests" --gtest_list_tests | awk '/^[^ ]/ { suite = $1 } /^ / { print suite $1 }')
while read -r policy name bar reason; do
  [[ " $policies " == *" $policy "* ]] || { echo "$list: '$policy' is none of $policies"; exit 1; }
  grep -qxF "$name" <<<"$existing" || { echo "$list: there is no test $name"; exit 1; }
  [[ $bar == "|" && -n $reason ]] || { echo "$list: $policy $name: write '| why' behind it"; exit 1; }
done < <(grep -v '^#' "$list" || true)

for policy in $policies; do
  mapfile -t left_out < <(sed -n "s/^$policy \([^ ]*\) | .*/\1/p" "$list")
  ((${#left_out[@]} <= 15)) || { echo "$list: ${#left_out[@]} under $policy, 15 at most"; exit 1; }
  filter="*$([[ ${#left_out[@]} == 0 ]] || printf -- '-%s' "$(IFS=:; echo "${left_out[*]}")")"
  echo "== $policy, without ${#left_out[@]}"
  COTERIE_POLICY=$policy "$tests" --gtest_brief=1 --gtest_filter="$filter"
done
