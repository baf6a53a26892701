#!/usr/bin/env bash
# Installs what the tests need, and runs them all. Options go to go test:
#   bash test.sh -run TestSign
set -euo pipefail
cd "$(dirname "$0")"

# need COMMAND PACKAGE: installs a Debian package unless the command is there.
need() {
  command -v "$1" >/dev/null && return
  echo "installing $2"
  local sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  [ -n "${updated:-}" ] || { $sudo apt-get update -qq; updated=1; }
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qq -y --no-install-recommends "$2" >/dev/null
}
need aws awscli
need node nodejs
need npm npm
(cd test/js && npm ci --silent --no-audit --no-fund)

unformatted=$(go run mvdan.cc/gofumpt@v0.12.0 -l .)
if [ -n "$unformatted" ]; then
  echo "not formatted by gofumpt:" "$unformatted" >&2
  exit 1
fi
go vet ./...
CGO_ENABLED=0 go build -trimpath -o bin/garrison ./cmd/garrison
go test -timeout 30m "$@" ./...
