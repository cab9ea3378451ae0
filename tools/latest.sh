#!/usr/bin/env bash
# Install core, then report, with the newest versions of everything into an empty environment, and
# try what a new user would do first. A release of somebody else must never break that unnoticed.
set -euo pipefail

most_megabytes=400
python=${1:-python3}
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$root/tools/machine.sh" venv "$python" "$folder/venv"
cd "$folder"
bin=$folder/venv/bin
site=$("$bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
"$bin/python" -m pip install --quiet --upgrade pip
before=$(du -sm "$site" | cut -f 1)

"$bin/python" -m pip install --quiet "$root"
"$bin/python" -m pip check
size=$(($(du -sm "$site" | cut -f 1) - before))
echo "core alone takes $size MB (at most $most_megabytes are allowed)"
[ "$size" -lt "$most_megabytes" ]
"$bin/python" "$root/tools/smoke.py" core

"$bin/python" -m pip install --quiet "$root[report]"
"$bin/python" -m pip check
"$bin/python" "$root/tools/smoke.py" report
echo "with report: $(($(du -sm "$site" | cut -f 1) - before)) MB; installed versions:"
"$bin/python" -m pip list --format=freeze | grep -v '^pip=' | tr '\n' ' '
echo
echo "The newest versions work."
