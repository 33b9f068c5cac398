#!/usr/bin/env bash
# run.sh [EVERSTREAM]: starts the model and Everstream before it, at http://127.0.0.1:8000/local; Ctrl-C ends both.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
everstream=${1:-$here/../../target/debug/everstream}
if [ ! -x "$everstream" ]; then
  make -C "$here/../.." binary
fi

model=$("$here/setup.sh")
everstream_pid=
end() {
  # Each by its own id; Everstream drains, which is worth waiting for.
  kill "$MODEL_PID" $everstream_pid 2>/dev/null || true
  wait
}
coproc MODEL { exec node "$here/server.mjs" --model "$model"; }
trap end EXIT
trap 'exit 0' INT TERM
read -r greeting <&"${MODEL[0]}" || { echo "the model did not start" >&2 && exit 1; }
echo "the model is $greeting"
"$everstream" serve --config "$here/everstream.toml" --data-dir "$here/.cache/data" &
everstream_pid=$!
wait "$everstream_pid"
