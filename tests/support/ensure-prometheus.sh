#!/bin/sh
# Print the folder that holds a real `prometheus` and `promtool`; get Debian's package first if there is none.
#
# The package is unpacked into a cache, not installed: a test suite must not start a service on somebody's machine.
set -eu

if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
  dirname "$(command -v prometheus)"
  exit 0
fi

cache="${XDG_CACHE_HOME:-$HOME/.cache}/okra/prometheus"
if [ -x "$cache/usr/bin/prometheus" ] && [ -x "$cache/usr/bin/promtool" ]; then
  echo "$cache/usr/bin"
  exit 0
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "no prometheus in PATH, and no apt-get to fetch Debian's: install prometheus (with promtool)" >&2
  exit 1
fi

mkdir -p "$(dirname "$cache")"
work="$(mktemp -d "$(dirname "$cache")/.new.XXXXXX")" # beside the cache, so that the move is atomic
trap 'rm -rf "$work"' EXIT
[ "$(id -u)" != 0 ] || apt-get -qq update >&2 || echo "apt-get update failed; trying with the lists at hand" >&2
(cd "$work" && apt-get -qq -o APT::Sandbox::User=root download prometheus >&2) || {
  echo "no prometheus in PATH, and apt-get can't download it: install prometheus (with promtool)" >&2
  exit 1
}
dpkg-deb -x "$work"/prometheus_*.deb "$work/unpacked"
[ -x "$cache/usr/bin/prometheus" ] || mv "$work/unpacked" "$cache"
echo "$cache/usr/bin"
