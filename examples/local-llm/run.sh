#!/usr/bin/env bash
# run.sh [EVERSTREAM]: starts the model and Everstream before it, at http://127.0.0.1:8000/local; Ctrl-C ends both.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
everstream=${1:-$here/../../target/debug/everstream}
if [ ! -x "$everstream" ]; then
  make -C "$here/../.." binary
fi

model=$("$here/setup.sh")
coproc MODEL { exec node "$here/server.mjs" --model "$model"; }
# shellcheck disable=SC2154 # coproc sets it
trap 'kill "$MODEL_PID" 2>/dev/null || true' EXIT
read -r greeting <&"${MODEL[0]}" || { echo "the model did not start" >&2 && exit 1; }
echo "the model is ${greeting}"
"$everstream" serve --config "$here/everstream.toml" --data-dir "$here/.cache/data"
