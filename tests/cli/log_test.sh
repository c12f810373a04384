# The worker's log as JSON: every line is an object, and what a handler says carries its job's id.
set -euo pipefail
coterie=$COTERIE_BIN/coterie
[[ -x $coterie ]] || { echo "the command is not built"; exit 77; }
command -v python3 >/dev/null || { echo "python3 is not installed; scripts/bootstrap test installs it"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export COTERIE_BROKER=sqlite://$folder/q.db

one=$("$coterie" enqueue --exec 'exit 0')
two=$("$coterie" enqueue --retries 0 --exec 'exit 3')
"$coterie" worker --allow-exec --until-idle --log-level debug --log-format json 2>"$folder/log" >"$folder/out"
python3 - "$folder/log" "$one" "$two" <<'PYTHON'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert lines[-1]["message"] == "stopped", lines[-1]
for line in lines:
    assert {"time", "level", "message"} <= line.keys(), line
    assert line["time"].endswith("Z") and line["level"] in ("debug", "info", "warning", "error"), line
said = {line["job"]: line for line in lines if line["message"].startswith("the command has ended")}
assert said.keys() == set(sys.argv[2:]), (said, sys.argv)
for job, line in said.items():
    assert line["task"] == "exec " + job and line["handler"] == "exec" and line["attempt"] == "1", line
assert said[sys.argv[3]]["message"].endswith("exit code 3"), said
PYTHON
if "$coterie" worker --allow-exec --log-format xml 2>"$folder/log"; then echo "FAILED: a format that there is not"; exit 1; fi
grep -q "give text or json" "$folder/log"
