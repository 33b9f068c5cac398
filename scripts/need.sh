#!/usr/bin/env bash
# need.sh THING…: makes sure that each thing is on this machine. What Debian packages is installed where that is
# allowed (root or sudo without a password, and apt-get); otherwise one sentence says what to install, and it fails.
#
# Things: cc  cxx  git  curl  python  chromium  cargo  node  profdata
set -euo pipefail

# Prints the Debian packages that provide the thing, and nothing when it is here already.
packages_for() {
  case $1 in
    cc) command -v cc >/dev/null || echo "gcc libc6-dev" ;;
    cxx) command -v c++ >/dev/null || echo g++ ;;
    git | curl) command -v "$1" >/dev/null || echo "$1" ;;
    # CHROMIUM names one that is not on the path, for the tests too.
    chromium) [ -x "${CHROMIUM:-}" ] || command -v chromium >/dev/null || echo chromium ;;
    profdata)
      local llvm
      llvm=$("$(dirname "$0")/llvm-version.sh")
      command -v "llvm-profdata-$llvm" >/dev/null || echo "llvm-$llvm"
      ;;
    python) python3 -c 'import ensurepip, venv' 2>/dev/null || echo "python3 python3-venv" ;;
    *) echo "need.sh: does not know '$1'" >&2 && exit 2 ;;
  esac
}

# Rust and Node come from their own installers; which one is the user's choice.
check_toolchain() {
  case $1 in
    cargo)
      command -v cargo >/dev/null || fail "Rust is missing: install it from https://rustup.rs and try again."
      ;;
    node)
      local version
      version=$(node --version 2>/dev/null || echo v0)
      local major=${version#v}
      [ "${major%%.*}" -ge 20 ] && command -v npm >/dev/null ||
        fail "Node 20 or newer with npm is missing (found: ${version/v0/none}): see https://nodejs.org and try again."
      ;;
  esac
}

fail() {
  echo "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo --non-interactive "$@"; fi
}

may_install() {
  command -v apt-get >/dev/null || return 1
  [ "$(id -u)" = 0 ] || sudo --non-interactive true 2>/dev/null
}

missing=()
for thing in "$@"; do
  case $thing in
    cargo | node) check_toolchain "$thing" ;;
    *)
      packages=$(packages_for "$thing")
      # Word splitting is meant: one thing may be several packages.
      # shellcheck disable=SC2206
      missing+=($packages)
      ;;
  esac
done
[ ${#missing[@]} -gt 0 ] || exit 0

may_install || fail "These packages are missing and may not be installed from here: ${missing[*]}." \
  "Install them (on Debian: sudo apt-get install ${missing[*]}) and try again."
echo "Installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
as_root apt-get update -qq
as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
