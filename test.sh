#!/usr/bin/env bash
# Installs what the tests need, and runs them all. Options go to go test:
#   bash test.sh -run TestSign
# With --deep first: lints, runs the race detector, and fuzzes each parser for
# 20 seconds. That takes about half an hour on two cores.
set -euo pipefail
cd "$(dirname "$0")"

deep=false
if [ "${1:-}" = --deep ]; then
  deep=true
  shift
fi

# need COMMAND PACKAGE: installs a Debian package unless the command, or the file
# of that path, is there.
need() {
  { command -v "$1" || [ -f "$1" ]; } >/dev/null && return
  echo "installing $2"
  local sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  [ -n "${updated:-}" ] || { $sudo apt-get update -qq; updated=1; }
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qq -y --no-install-recommends "$2" >/dev/null
}
need aws awscli
need python3 python3
need node nodejs
need npm npm
need softhsm2-util softhsm2
need pg_ctlcluster postgresql
need gcc gcc
need /usr/include/stdlib.h libc6-dev
(cd test/js && npm ci --silent --no-audit --no-fund)

unformatted=$(go run mvdan.cc/gofumpt@v0.12.0 -l .)
if [ -n "$unformatted" ]; then
  echo "not formatted by gofumpt:" "$unformatted" >&2
  exit 1
fi
go vet ./...
CGO_ENABLED=0 go build -trimpath -o bin/garrison ./cmd/garrison
# The one part in cgo is a module of its own: the process that holds a PKCS#11 token.
(cd pkcs11 && export CGO_ENABLED=1 && go vet . && go build -trimpath -o ../bin/garrison-pkcs11 . && go test .)
if ! $deep; then
  exec go test -timeout 30m "$@" ./...
fi

go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run --timeout 10m ./...
(cd pkcs11 && CGO_ENABLED=1 go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run --timeout 10m . && CGO_ENABLED=1 go test -race .)
go test -timeout 60m -race "$@" ./...
for dir in $(grep -rl '^func Fuzz' --include=*_test.go . | xargs -n1 dirname | sort -u); do
  for target in $(grep -ho '^func Fuzz[A-Za-z0-9]*' "$dir"/*_test.go | cut -d' ' -f2); do
    (cd "$dir" && go test -run '^$' -fuzz "^$target\$" -fuzztime 20s .)
  done
done
