#!/usr/bin/env bash
# llvm-version.sh: prints the major version of LLVM that the compiler is built on; only tools of the same one read its files.
set -euo pipefail
rustc --version --verbose | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p'
