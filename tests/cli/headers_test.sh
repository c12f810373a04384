# Headers of a job: given on the command line, of the environment's trace, shown again.
set -euo pipefail
coterie=$COTERIE_BIN/coterie
[[ -x $coterie ]] || { echo "the command is not built"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
broker="sqlite://$folder/jobs.db"
fail() { echo "$*" >&2; exit 1; }

id=$("$coterie" enqueue mail --broker "$broker" --header tenant=blue --header 'text=a=b c')
shown=$("$coterie" job "$id" --broker "$broker")
grep -q '^header  *tenant: blue$' <<<"$shown" || fail "no tenant in: $shown"
grep -q '^header  *text: a=b c$' <<<"$shown" || fail "no text in: $shown"
json=$("$coterie" job "$id" --broker "$broker" --json)
grep -qF '"headers":{"tenant":"blue","text":"a=b c"}' <<<"$json" || fail "no headers in: $json"

id=$(TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 TRACESTATE=a=1 \
  "$coterie" enqueue mail --broker "$broker")
shown=$("$coterie" job "$id" --broker "$broker")
grep -q '^trace  *4bf92f3577b34da6a3ce929d0e0e4736$' <<<"$shown" || fail "no trace in: $shown"
grep -q '^header  *tracestate: a=1$' <<<"$shown" || fail "no tracestate in: $shown"
id=$(TRACEPARENT=nonsense "$coterie" enqueue mail --broker "$broker" --json)
! grep -q '^trace' <<<"$("$coterie" job "$(sed 's/.*"id":"\([^"]*\)".*/\1/' <<<"$id")" --broker "$broker")" ||
  fail "a trace out of nonsense"

for bad in tenant =blue; do
  said=$("$coterie" enqueue mail --broker "$broker" --header "$bad" 2>&1) && fail "--header $bad was taken"
  [[ $said == "coterie: --header '$bad': give NAME=VALUE, tenant=blue say" ]] || fail "$said"
done
