# The alert rules are valid, and each fires where it should (rules_test.yml).
set -euo pipefail
command -v promtool >/dev/null || { echo "promtool is not installed; scripts/bootstrap test installs it (prometheus)"; exit 77; }
cd "$COTERIE_SOURCE"
promtool check rules packaging/prometheus/coterie.rules.yml
promtool test rules tests/metrics/rules_test.yml
# An alert without a test would be one that may never fire.
for alert in $(sed -n 's/^ *- alert: //p' packaging/prometheus/coterie.rules.yml); do
  grep -q "alertname: $alert$" tests/metrics/rules_test.yml || { echo "$alert has no test that it fires"; exit 1; }
done
