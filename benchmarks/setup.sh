#!/bin/sh
# One venv per peer with the same application pins: sh benchmarks/setup.sh DIR [PYTHON]
# ONLY="otel-boot platform" makes just those (bare is always made).
# uv is taken from $UV, else from PATH, else from the checkout's .venv (`make .venv/.development`).
set -e
HERE=$(cd "$(dirname "$0")" && pwd)
PROJECT=$(cd "$HERE/.." && pwd)
D=${1:?a folder for the venvs}
PY=${2:-python3}
[ -n "${UV:-}" ] || UV=$(command -v uv || echo "$PROJECT/.venv/bin/uv")
# Named by its path: uv goes on the network for a version that it does not find, and takes pyenv's shims for none.
PY=$("$PY" -c 'import sys; print(sys.executable)')
mkdir -p "$D"
cd "$D"

want() {
  [ -z "${ONLY:-}" ] || case " $ONLY " in *" $1 "*) ;; *) return 1 ;; esac
}

venv() {
  "$UV" venv --quiet --clear --python "$PY" "v-$1"
}

install() {
  name=$1
  shift
  "$UV" pip install --quiet --python "v-$name/bin/python" "$@"
}

make_peer() {
  want "$1" || return 0
  venv "$1"
  install "$@" --requirement app.in --constraint app.con
}

printf '%s\n' fastapi uvicorn flask gunicorn requests httpx aiohttp django sqlalchemy redis > app.in
venv bare
install bare --requirement app.in
# FastAPI and redis pull in opentelemetry-api: its version is the peer's choice.
"$UV" pip freeze --quiet --python v-bare/bin/python | grep -v '^opentelemetry' > app.con

make_peer otel-small opentelemetry-distro opentelemetry-exporter-otlp opentelemetry-instrumentation-fastapi \
  opentelemetry-instrumentation-requests
make_peer otel-boot opentelemetry-distro opentelemetry-exporter-otlp --requirement "$HERE/instrumentations.txt"
make_peer otel-full opentelemetry-distro opentelemetry-exporter-otlp opentelemetry-contrib-instrumentations
make_peer edot elastic-opentelemetry --requirement "$HERE/instrumentations.txt"
make_peer splunk splunk-opentelemetry --requirement "$HERE/instrumentations.txt"
make_peer logfire logfire --requirement "$HERE/instrumentations.txt"
make_peer dash0 dash0-opentelemetry
make_peer dd ddtrace
make_peer nr newrelic
# With every instrumentation, so that it traces what otel-boot traces.
make_peer platform "${PROJECT}[all]"
