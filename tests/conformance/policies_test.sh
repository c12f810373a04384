#!/usr/bin/env bash
# Every test of conformance holds under each scheduling policy, but for those of policies.txt.
set -euo pipefail
cd "$COTERIE_SOURCE"
list=tests/conformance/policies.txt
tests="$COTERIE_BUILD/tests/conformance_tests"
io_tests="$COTERIE_BUILD/tests/io_tests"
[[ -x $tests && -x $io_tests ]] || { echo "skipped: $tests and $io_tests are not built"; exit 77; }

# Of the tests of io those that stand for a line; a case that runs both ways has names of its own for each.
lines=$(scripts/check-conformance --table | sed -n 's/^      \([^ ]*\).*/\1/p' | sort -u)
io=$(grep -ohE '^(TEST|COTERIE_CASE)\(\w+, \w+' tests/io/*_test.cpp | sed -E 's/.*\((\w+), /\1./' | sort -u)
io_filter=$(comm -12 <(echo "$lines") <(echo "$io") | sed 's/.*/&:&*/' | paste -sd:)
[[ -n $io_filter ]] || { echo "no line has a test in tests/io"; exit 1; }

run() {  # binary, filter
  COTERIE_POLICY=$policy "$1" --gtest_brief=1 --gtest_filter="$2"
}
for policy in $(sed -n 's/^# Policies: //p' "$list"); do
  mapfile -t left_out < <(sed -n "s/^$policy \([^ ]*\) | .*/\1/p" "$list")
  but=$([[ ${#left_out[@]} == 0 ]] || printf -- '-%s' "$(IFS=:; echo "${left_out[*]}")")
  echo "== $policy, without ${#left_out[@]}"
  run "$tests" "*$but"
  run "$io_tests" "$io_filter$but"
done
