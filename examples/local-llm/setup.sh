#!/usr/bin/env bash
# Gets what the example needs, once: the packages, without those for other machines, and the model. Prints the model's path.
set -euo pipefail
cd "$(dirname "$0")"
../../scripts/need.sh node >&2
if [ "$(uname -sm)" != "Linux x86_64" ]; then
  echo "This example brings llama.cpp for Linux on x86-64 only; see README.md for other machines." >&2
  exit 1
fi
if ! cmp --silent package-lock.json node_modules/.installed-lock.json; then
  npm ci --omit=optional --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json node_modules/.installed-lock.json
fi
./fetch-model.sh
