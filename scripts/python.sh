#!/usr/bin/env bash
# python.sh: prints the path of a Python with the packages of tests/sdk/requirements.txt, in an environment of its own
# under target/python that is made at the first call and again when the requirements change.
set -euo pipefail
cd "$(dirname "$0")/.."
requirements=$PWD/tests/sdk/requirements.txt
environment=$PWD/target/python

if ! cmp --silent "$requirements" "$environment/requirements.txt"; then
  scripts/need.sh python >&2
  rm -rf "$environment"
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$requirements" >&2
  cp "$requirements" "$environment/requirements.txt"
fi
echo "$environment/bin/python"
