# The example of a Runtime's placements: the picture is right whoever drew it, and the table is there.
set -euo pipefail
bin=$COTERIE_BUILD/examples/mandelbrot
[[ -x $bin ]] || { echo "no example was built"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

fail() { printf 'mandelbrot_test: %s\n' "$*" >&2; exit 1; }

"$bin" --loops 3 --width 60 --out picture.pgm >out || fail "exit $?"
for placement in 'in turn' 'by key' 'least loaded' 'here'; do
  grep -Eq "^ +3  $placement +[0-9]+ +[0-9.]+ +[0-9]+ to [0-9]+ %$" out || { cat out >&2; fail "no line for: $placement"; }
done
[[ $(grep -Ec '^ +[13]  ' out) == 5 ]] || fail "five lines were to be there: $(cat out)"

# --- the picture, against one that is computed here ------------------------------------------------------------------
python3 - <<'END' || fail "the picture is wrong"
import sys
with open("picture.pgm", "rb") as file:
    data = file.read()
head = b"P5\n60 40\n255\n"
if not data.startswith(head) or len(data) != len(head) + 60 * 40:
    sys.exit(f"{len(data)} bytes, beginning with {data[:13]}")


def shade(c):
    z = 0j
    for i in range(1000):
        z = z * z + c
        if z.real * z.real + z.imag * z.imag > 4:
            return 255 - i % 256
    return 0


points = [shade(complex(-2.25 + 3.0 * x / 60, -1.0 + 2.0 * y / 40)) for y in range(40) for x in range(60)]
wrong = sum(a != b for a, b in zip(points, data[len(head) :]))
# A compiler may fuse a product and a sum, and a few points at the edge then leave one step sooner or later.
sys.exit(f"{wrong} points are wrong" if wrong > 24 or 0 not in points else 0)
END

# --- what it refuses -------------------------------------------------------------------------------------------------
refuses() {
  local words=$1
  shift
  if "$bin" "$@" >out 2>err; then fail "took $*"; fi
  grep -qF -- "$words" err || { cat err >&2; fail "$* does not say: $words"; }
}
refuses "'0' is no number from 1 to 256" --loops 0
refuses "'2x' is no number from 3 to 20000" --width 2x
refuses 'usage: mandelbrot' --colour
refuses 'usage: mandelbrot' --loops
refuses 'cannot write /nowhere/picture.pgm' --width 3 --out /nowhere/picture.pgm
