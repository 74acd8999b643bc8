#!/usr/bin/env bash
# Installs what is missing to run and test Firstparty: system packages, .venv, npm packages.
# usage: setup.sh [run|test]; "run" leaves out the npm packages that only tests need.
# Each part is skipped when what it made is newer than what it is made from.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .setup

say() { printf '%s\n' "setup: $*"; }

# What runs the product, and what only tests and benchmarks need (a test that lacks its tool is
# skipped with the reason).
# Each as TOOL:PACKAGE. (Plain words: the bash of macOS knows no associative arrays.)
wanted="node:nodejs npm:npm
  unbound:unbound named:bind9 zonemaster-cli:zonemaster-cli dnsviz:dnsviz
  pebble:pebble chromium:chromium dig:bind9-dnsutils nsupdate:bind9-dnsutils curl:curl
  caddy:caddy haproxy:haproxy apache2:apache2 ruby:ruby php:php-cli
  strace:strace mkfs.ext4:e2fsprogs nginx:nginx-light wrk:wrk h2load:nghttp2-client
  knotd:knot dnsperf:dnsperf pg_createcluster:postgresql faketime:faketime"

install_system_packages() {
  local missing="" each tool
  for each in $wanted; do
    tool="${each%%:*}"
    command -v "$tool" >/dev/null || [ -x "/usr/sbin/$tool" ] || missing="$missing ${each##*:}"
  done
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then missing="$missing python3-venv"; fi
  [ -z "$missing" ] && return
  local sudo=""
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null; then sudo=sudo; else cannot_install "$missing"; return; fi
  fi
  if ! command -v apt-get >/dev/null; then cannot_install "$missing"; return; fi
  say "installing$missing with apt-get"
  export DEBIAN_FRONTEND=noninteractive
  # Services of these packages must not start: the project runs its own, on free ports.
  if $sudo apt-get update -qq &&
     RUNLEVEL=1 $sudo apt-get install -y -qq --no-install-recommends $missing >.setup/apt.log 2>&1; then
    return
  fi
  tail -n 5 .setup/apt.log >&2 || true
  cannot_install "$missing"
}

cannot_install() {
  say "could not install:$1"
  say "node and npm are needed to run the product (Homebrew: brew install node);"
  say "without the others some tests and 'make demo CA=pebble' are left out. Going on."
}

check_python() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "Python 3.11 or newer is needed; python3 is $(python3 --version 2>&1)"; exit 1; }
}

# A part is done when its stamp is newer than everything it is made from.
is_done() {
  local stamp=".setup/$1"; shift
  [ -e "$stamp" ] || return 1
  local source
  for source in "$@"; do [ "$source" -nt "$stamp" ] && return 1; done
  return 0
}

install_python_packages() {
  is_done python requirements/dev.txt pyproject.toml && [ -x .venv/bin/firstparty ] && return
  say "Python packages into .venv (hashed, from requirements/dev.txt)"
  [ -x .venv/bin/python ] || python3 -m venv .venv
  .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
  .venv/bin/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
  touch .setup/python
}

# The product needs Analytics.js alone; tests also run SDKs and other people's proxies.
install_npm_packages() {
  is_done npm-test package.json package-lock.json && [ -d node_modules ] && return
  [ "$1" = run ] && is_done npm-run package.json package-lock.json && [ -d node_modules ] && return
  command -v npm >/dev/null || { say "npm is missing: Analytics.js cannot be installed"; exit 1; }
  local major; major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
  [ "$major" -ge 20 ] || say "node is version $major: the Node SDK's tests need 20 and are skipped"
  say "npm packages from package-lock.json"
  if [ "$1" = run ]; then
    npm ci --omit=dev --ignore-scripts --silent --no-progress
  else
    npm ci --ignore-scripts --silent --no-progress
  fi
  touch ".setup/npm-$1"
}

# Where there is Go, its SDK's snippet is run as well.
install_go_packages() {
  command -v go >/dev/null && ! is_done go tools/setup.sh || return 0
  (cd / && go mod download github.com/segmentio/analytics-go/v3@v3.3.0) && touch .setup/go ||
    say "the Go SDK cannot be fetched: its snippet's test is skipped"
}

check_python
install_system_packages
install_python_packages
install_npm_packages "${1:-test}"
[ "${1:-test}" = run ] || install_go_packages
say "ready"
