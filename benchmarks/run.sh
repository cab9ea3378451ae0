#!/usr/bin/env bash
# Speed and memory beside other packages; writes results.json and results.md beside this file.
#
#   run.sh          everything: an hour, 1.2 GB of tables, 4 GB of peers
#   run.sh quick    without 1e8 rows and without peers; writes into the folder of tables
#   run.sh NAME     one question again (calibration, conformal, forecasts, discovery, assimilation,
#                   simulators, merging, audits, measures, faults, startup, applying, reports); the
#                   tables of the others stay
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

questions="audits scale measures calibration conformal forecasts simulators assimilation discovery"
questions="$questions merging faults startup applying reports"
mode=${1:-full}
case $mode in
  calibration)
    bash "$here/peers.sh" science torch probmetrics mapie relplot vennabers
    questions=$mode
    ;;
  forecasts)
    bash "$here/peers.sh" scoringrules scores xskillscore properscoring uncertaintytoolbox
    questions=$mode
    ;;
  discovery)
    bash "$here/peers.sh" pysindy
    questions=$mode
    ;;
  conformal)
    bash "$here/peers.sh" mapie crepes puncc torchcp
    questions=$mode
    ;;
  assimilation)
    bash "$here/peers.sh" dapper
    questions=$mode
    ;;
  merging)
    bash "$here/peers.sh" mergekit
    questions=$mode
    ;;
  simulators)
    questions=$mode
    ;;
  audits | measures | faults | startup | applying | reports)
    "$python" "$here/make_tables.py"
    bash "$here/peers.sh"
    questions=$mode
    ;;
  quick)
    export TRUEUP_RESULTS=${TRUEUP_RESULTS:-$TRUEUP_BENCH/results.json}
    "$python" "$here/make_tables.py" binary_1e6 classes_1e6 binary_1e7
    ;;
  full)
    "$python" "$here/make_tables.py"
    bash "$here/peers.sh"
    ;;
  *)
    echo "say run.sh, run.sh quick, or run.sh with one of: $questions" >&2
    exit 2
    ;;
esac

case $mode in full | quick) rm -f "${TRUEUP_RESULTS:-$here/results.json}" ;; esac
for question in $questions; do
  "$python" "$here/$question.py" "$mode"
done
"$python" "$here/report.py" "$mode"
