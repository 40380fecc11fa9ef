#!/bin/bash
# millrace-health PORT: exits 0 when the service whose operator's port this is says that it is ready. The image has no
# HTTP client; bash opens the connection.
set -u
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 3 _ status _ <&3 || exit 1
[ "$status" = 200 ]
