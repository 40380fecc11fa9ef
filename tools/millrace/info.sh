# What up says; sourced by ./millrace and tools/compose.sh. Expects INFO, a file of 0600, and API_AT.

# How long the token that is printed is good; what prints it in the second half of its life makes a new one.
TOKEN_SECONDS=3600

# describe KEY_ANSWER TOKEN: the answer of /api/stream/key as what up prints. Secrets go through
# pipes: arguments of a process are everybody's to read.
describe() {
  local metrics=127.0.0.1 grpc= dash=manifest.mpd
  [[ ! ${DASH_ENABLED:-} =~ ^([Ff][Aa][Ll][Ss][Ee]|[Nn][Oo])$ ]] || dash=
  # Where that port is published; compose publishes neither it nor another address.
  if [[ " ${PORT_VARIABLES[*]}" == *" RTMP_GRPC_PORT="* ]]; then
    metrics=$(reached_at "${METRICS_ADDRESS:-}")
    grpc=$(reached_at "${GRPC_ADDRESS:-}"):$RTMP_GRPC_PORT
  fi
  (umask 077; printf '%s\n"%s"\n' "$1" "$2" | jq -s --arg api "$API_BASE_URL" --argjson until $(($(date +%s) + TOKEN_SECONDS)) \
    --arg rtmps "${SSL_CERT:+rtmps://localhost:${SSL_PORT:-}}" --arg metrics "http://$metrics:$METRICS_PORT/metrics" --arg grpc "$grpc" --arg dash "$dash" \
    '.[0] as $key | .[1] as $token | {publish_url: $key.streamUrl, stream_id: $key.streamId, hls_url: $key.hlsUrl,
      watch_url: ($api + "/watch/" + $key.streamId), api_url: $api, metrics_url: $metrics, token: $token, token_until: $until}
      + if $dash == "" then {} else {dash_url: ($key.hlsUrl | sub("[^/]*$"; $dash))} end
      + if $grpc == "" then {} else {grpc_address: $grpc} end
      + if $rtmps == "" then {} else {rtmps_url: ($key.streamUrl | sub("^rtmp://[^/]*"; $rtmps))} end')
}

token_is_fresh() { [ $(($(jq -r '.token_until // 0' "$INFO") - $(date +%s))) -ge $((TOKEN_SECONDS / 2)) ]; }

replace_token() {
  (umask 077; printf '"%s"\n' "$1" | jq --argjson until $(($(date +%s) + TOKEN_SECONDS)) --slurpfile info "$INFO" \
    '$info[0] + {token: ., token_until: $until}' > "$INFO.new.$$" && mv "$INFO.new.$$" "$INFO")
}

# ask_for_key TOKEN SECONDS: the owner's stream and its key, asked of the running API as any client would. Expects API_AT,
# the file with its address.
ask_for_key() { ask "$(cat "$API_AT")/api/stream/key" -f -m "$2" -H @- <<< "Authorization: Bearer $1"; }

# The key may have been replaced since up: the one that publishes now. Without an answer it stays as it was.
renew_key() {
  local answer
  answer=$(ask_for_key "$(jq -r .token "$INFO")" 2) || return 0
  replace_key "$answer"
}

# replace_key KEY_ANSWER
replace_key() {
  (umask 077; printf '%s\n' "$1" | jq --slurpfile info "$INFO" '.streamUrl as $url | $info[0] + {publish_url: $url}
    | if .rtmps_url then .rtmps_url |= sub("[^/]*$"; $url | sub(".*/"; "")) else . end' > "$INFO.new.$$" && mv "$INFO.new.$$" "$INFO")
}

# How long a service may take to say what came of a reload.
RELOAD_SECONDS=10

# say_reloaded SERVICE REPORT: what a service says of its certificate, as services/ingest/src/reload_report.hpp writes it.
say_reloaded() {
  local state reason
  state=$(jq -r '.state' <<< "$2" 2>/dev/null) reason=$(jq -r '.reason' <<< "$2" 2>/dev/null) || true
  case $state in
    taken) echo "$1: new connections get the new certificate and key" ;;
    unchanged) echo "$1: certificate and key are those in use, nothing has changed" ;;
    none) echo "$1: there is no certificate (SSL_CERT and SSL_KEY are not set)" ;;
    refused) die "$1: the new certificate and key are not usable, the old pair serves on: $reason" ;;
    *) die "$1: no answer within $RELOAD_SECONDS s: ./millrace status and logs say how it is" ;;
  esac
}

print_info() {
  jq -r '"
Publish   " + .publish_url + (if .rtmps_url then "
          " + .rtmps_url else "" end) + "
          OBS: server " + (.publish_url | sub("/[^/]*$"; "")) + ", stream key " + (.publish_url | sub(".*/"; "")) + "
          ffmpeg -re -i any.mp4 -c:v libx264 -g 60 -c:a aac -f flv " + .publish_url + "
Watch     " + .watch_url + "
HLS       " + .hls_url + (if .dash_url then "
DASH      " + .dash_url else "" end) + "
API       " + .api_url + "/api/stream/list   (Authorization: Bearer " + .token + ")
Metrics   " + .metrics_url + "   (Prometheus)" + (if .grpc_address then "
gRPC      " + .grpc_address else "" end) + "
"' "$INFO"
}
