#!/usr/bin/env bash
# What a fresh machine may lack: an environment, Chromium, Java, the type checker's own program.
#
#   machine.sh venv PYTHON FOLDER    make a virtual environment
#   machine.sh chromium              install Chromium where we may, else say how
#   machine.sh java                  install Java where we may, else say how
#   machine.sh types                 check types, or say why that was not possible
set -euo pipefail

debian_root() {
  [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] && command -v apt-get >/dev/null
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  echo "Installing $* ..."
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null
}

venv() {
  local python=$1 folder=$2
  if ! command -v "$python" >/dev/null; then
    echo "$python is not here: install Python 3.11 or newer, or say make PYTHON=..." >&2
    exit 1
  fi
  if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$("$python" --version) is too old: say make PYTHON=... with 3.11 or newer" >&2
    exit 1
  fi
  if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    if debian_root; then
      apt_install python3-venv
    else
      echo "Python's venv module is not here: install the package python3-venv" >&2
      exit 1
    fi
  fi
  "$python" -m venv "$folder"
}

chromium() {
  local found=${CHROMIUM:-$(command -v chromium || true)}
  if [ -n "$found" ] && [ -x "$found" ]; then
    return
  fi
  if debian_root && apt_install chromium fonts-liberation; then
    return
  fi
  echo "Chromium is not here, so the browser tests will be skipped. Install the package" >&2
  echo "'chromium', or set CHROMIUM to the path of a Chromium or Chrome." >&2
}

java() {
  if { [ -n "${JAVA_HOME:-}" ] && [ -x "$JAVA_HOME/bin/java" ]; } || type -P java >/dev/null; then
    return
  fi
  if debian_root && apt_install default-jre-headless; then
    return
  fi
  echo "Java is not here, so the tests of Spark will be skipped. Install Java 17 or newer (on" >&2
  echo "Debian the package 'default-jre-headless'), or set JAVA_HOME." >&2
}

types() {
  # The checker fetches its own program on first use; a machine without that network still tests.
  if ! .venv/bin/pyright --version >/dev/null 2>&1; then
    echo "Types were NOT checked: pyright could not fetch its own program." >&2
    return
  fi
  .venv/bin/pyright --pythonpath .venv/bin/python
}

"$@"
