# Programs that a page shows are those of examples, letter by letter, and print what the page says; and the policy that
# docs/scheduling.md shows is the one that is tested.
set -euo pipefail
cd "$COTERIE_SOURCE"
block() { # LANGUAGE HEADING PAGE: the first block of that language after the heading
  awk -v fence="^\`\`\`$1\$" -v heading="$2" '$0 == heading { seen = 1 } !seen { next } inside && /^```$/ { exit } inside { print } $0 ~ fence { inside = 1 }' "$3"
}
same() { # PAGE FILE: what stands in the page is compared with the file
  diff - "$2" || { echo "$1 and $2 differ: copy the one into the other" >&2; exit 1; }
}
shown=("README.md|## In C++|hello" "docs/scheduling.md|# Which policy when|priorities")
for each in "${shown[@]}"; do
  IFS='|' read -r page heading name <<<"$each"
  block cpp "$heading" "$page" | same "$page" "examples/$name.cpp"
done
block cpp "## A policy of your own" docs/scheduling.md | same docs/scheduling.md <(tail -n +2 tests/sched/earliest_deadline.hpp)

[[ -x $COTERIE_BUILD/examples/hello ]] || { echo "no example was built"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for each in "${shown[@]}"; do
  IFS='|' read -r page heading name <<<"$each"
  expected=$(block text "$heading" "$page")
  [[ -n $expected ]]
  for _ in 1 2; do # a second run of hello finds the file of the first
    diff <(cd "$tmp" && "$COTERIE_BUILD/examples/$name") <(printf '%s\n' "$expected")
  done
done
echo "readme_test: they run and print what the pages say"
