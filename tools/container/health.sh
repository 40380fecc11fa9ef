#!/bin/bash
# millrace-health PORT [ready|live]: exits 0 when the service whose operator's port this is says that it is ready to
# serve (what traffic should depend on), or that it lives (what a restart should depend on: a service that drains or
# waits for another is not ready, and alive). The image has no HTTP client; bash opens the connection.
set -u
usage='usage: millrace-health PORT [ready|live]'
case ${1:-} in
  --help|-h) echo "millrace-health: asks a service whether it is ready or lives, by its operator's port (docs/configuration.md)"
    echo "$usage"; exit 0 ;;
  ''|*[!0-9]*) echo "$usage" >&2; exit 64 ;;
esac
case ${2:-ready} in ready) path=/readyz ;; live) path=/healthz ;; *) echo "$usage" >&2; exit 64 ;; esac
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$path" >&3
read -r -t 3 _ status _ <&3 || exit 1
[ "$status" = 200 ]
