# README's example is examples/hello.cpp, letter by letter, and prints what README says.
set -euo pipefail
cd "$COTERIE_SOURCE"
block() { # the first block of that language after the heading "In C++"
  awk -v fence="^\`\`\`$1\$" '/^## In C\+\+/ { seen = 1 } !seen { next } inside && /^```$/ { exit } inside { print } $0 ~ fence { inside = 1 }' README.md
}
diff <(block cpp) examples/hello.cpp || { echo "README.md and examples/hello.cpp differ: copy the one into the other" >&2; exit 1; }
hello=$COTERIE_BUILD/examples/hello
[[ -x $hello ]] || { echo "no example was built"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
expected=$(block text)
[[ -n $expected ]]
cd "$tmp"
for _ in 1 2; do # a second run finds the file of the first
  diff <("$hello") <(printf '%s\n' "$expected")
done
echo "readme_test: it runs and prints what README says"
