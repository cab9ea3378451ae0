#!/usr/bin/env bash
# Speed and memory beside other packages; writes results.json and results.md beside this file.
#
#   run.sh          everything: half an hour at most, 1.2 GB of tables, 4 GB of peers
#   run.sh quick    without 1e8 rows and without peers; writes into the folder of tables
#
# TRUEUP_BENCH chooses the folder of tables (default build/bench), TRUEUP_PEERS that of the peers
# (default build/peers).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
python=${PYTHON:-$root/.venv/bin/python}
export TRUEUP_BENCH=${TRUEUP_BENCH:-$root/build/bench}
export TRUEUP_PEERS=${TRUEUP_PEERS:-$root/build/peers}
mkdir -p "$TRUEUP_BENCH"

mode=${1:-full}
case $mode in
  quick)
    export TRUEUP_RESULTS=${TRUEUP_RESULTS:-$TRUEUP_BENCH/results.json}
    "$python" "$here/make_tables.py" binary_1e6 classes_1e6 binary_1e7
    ;;
  full)
    "$python" "$here/make_tables.py"
    bash "$here/peers.sh"
    ;;
  *)
    echo "say run.sh, or run.sh quick" >&2
    exit 2
    ;;
esac

rm -f "${TRUEUP_RESULTS:-$here/results.json}"
for question in audits scale measures faults startup applying reports; do
  "$python" "$here/$question.py" "$mode"
done
"$python" "$here/report.py" "$mode"
