# docs/debugging.md shows what the commands really print: each block that begins by starting an example is run again.
#
# What differs from run to run (pids, times, addresses, libc's own frames) is masked on both sides, lines of examples/
# are not. `COTERIE_SHOW=1 bash tests/docs/debugging_test.sh` prints the blocks as they are now, for the document.
set -euo pipefail
coterie=$COTERIE_BIN/coterie
[[ -x $coterie && -x $COTERIE_BUILD/examples/stuck ]] || { echo "no command or no example was built"; exit 77; }
tmp=$(mktemp -d)
export XDG_RUNTIME_DIR=$tmp/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
cat >check.py <<'END'
import difflib, os, re, subprocess, sys, time

document, coterie, build = sys.argv[1:]
show = "COTERIE_SHOW" in os.environ
MASKS = [
    (r"\bpid \d+", "pid N"), (r"coterie dump \d+", "coterie dump N"), (r"\bthread \d+", "thread N"), (r"\bup [\d.a-z]+", "up T"),
    (r"\btook [\d.]+ ms", "took T ms"), (r"\bage [\d.a-z]+", "age T"), (r"\bdue in [\d.a-z]+", "due in T"),
    (r"[\d.a-z]+ ago\b", "T ago"), (r"\bpolls \d+", "polls N"), (r"\+0x[0-9a-f]+", "+0xN"),
    (r"\b(\w+)\.hpp:\d+", r"\1.hpp:L"), (r"^ *PID +PROGRAM.*", "PID PROGRAM"),
    (r"^ *\d+ +(\w+) +(\d+) +([\d,]+) .*", r"N \1 \2 \3"),
    (r" \(discriminator \d+\)$", ""),  # which of several blocks of machine code for the line
]


def masked(text):
    lines = []
    for line in text.rstrip("\n").split("\n"):
        for pattern, mask in MASKS:
            line = re.sub(pattern, mask, line)
        lines.append(line.rstrip())
    # A native stack: the program's own functions down to the loop. What the C library and the compiler put between and
    # below them differs.
    result, native = [], False
    for line in lines:
        if line == "native stack:":
            native = True
        elif native and not line.startswith("   at "):
            native = False
        elif native and re.match(r"   at (libc\.so|std::|coterie::)", line):
            if "coterie::" in line:
                native = "below"
            continue
        elif native == "below":
            continue
        result.append(line)
    return result


def run(command, pid, said):
    words = command.split()
    if words[0] == "addr2line":  # of a function in the document's native stack: where that stands in this one
        function = re.search(rf"   at (.*) \S+\+{words[-1]}$", block_of_document, re.M).group(1)
        words[-1] = re.search(rf"   at {re.escape(function)} \S+\+(0x[0-9a-f]+)$", said, re.M).group(1)
        words[-2] = os.path.join(build, words[-2].removeprefix("build/release/"))
    elif words[0] == "coterie":
        words = [coterie] + [str(pid) if word.isdigit() and int(word) > 1000 else word for word in words[1:]]
    else:
        words[0] = os.path.join(build, words[0].removeprefix("build/release/"))
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                          preexec_fn=lambda: __import__("resource").setrlimit(4, (0, 0)))
    return done.stdout


def commands(block):
    """Each command with what follows it."""
    found = []
    for line in block.rstrip("\n").split("\n"):
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


blocks = [b for b in re.findall(r"^```\n(\$ .*?)^```$", open(document).read(), re.M | re.S)
          if b.startswith("$ build/release/examples/")]
assert len(blocks) >= 6, f"{document} has {len(blocks)} blocks that start an example"


def differences(block):
    """What its commands print now, where that is not what the document shows."""
    global block_of_document
    block_of_document = block
    program, pid, found, said = None, 0, [], ""
    try:
        for command, expected in commands(block):
            if command.endswith(" &"):
                path = os.path.join(build, command[:-2].removeprefix("build/release/"))
                program = subprocess.Popen([path], stdout=subprocess.PIPE, text=True)
                pid = program.pid
                said = program.stdout.readline()
            else:
                before = said
                for _ in range(50):  # what the program has announced may be a step ahead of it
                    said = run(command, pid, before)
                    if show or masked(said) == masked("\n".join(expected)):
                        break
                    time.sleep(0.05)
            if show:
                print(f"$ {command}\n{said}", end="")
            elif masked(said) != masked("\n".join(expected)):
                found.append(f"{document} and what `{command}` prints now differ:")
                found += difflib.unified_diff(masked("\n".join(expected)), masked(said), "document", "now", lineterm="")
        if show:
            print("---")
    finally:
        if program is not None:
            program.kill()
            program.wait()
    return found


wrong = False
for block in blocks:
    # The examples go by real time: one that a busy machine held up at the wrong moment is started again.
    for _ in range(3):
        found = differences(block)
        if not found:
            break
    if found:
        wrong = True
        print("\n".join(found), file=sys.stderr)
sys.exit(1 if wrong else 0)
END
python3 check.py "$COTERIE_SOURCE/docs/debugging.md" "$coterie" "$COTERIE_BUILD"
echo "debugging_test: the document shows what the commands print"
