# The table of services, services/services.txt; sourced. Expects ROOT.
#
#   SERVICES         every service, in the order of start
#   STOP_ORDER       the same, in the order in which they are stopped
#   PORT_VARIABLES   each port variable with its default
#   PUBLISHED_PORTS  those of them that containers publish
#   OPS_PORT         by service: the variable of the port of health, readiness and metrics

SERVICES=() STOP_ORDER=() PORT_VARIABLES=() PUBLISHED_PORTS=()
declare -A OPS_PORT=()

read_services() {
  local name stop ports port
  while read -r name stop ports; do
    SERVICES+=("$name")
    OPS_PORT[$name]=${ports%%=*}
    for port in $ports; do
      PORT_VARIABLES+=("${port%\*}")
      [[ $port != *\* ]] || PUBLISHED_PORTS+=("${port%\*}")
    done
  done < <(grep -v '^#' "$ROOT/services/services.txt")
  mapfile -t STOP_ORDER < <(grep -v '^#' "$ROOT/services/services.txt" | sort -s -n -k 2,2 | cut -d' ' -f1)
}
read_services

# ops_address_of SERVICE: the variable of the address that its port of health is bound to.
ops_address_of() {
  local port=${OPS_PORT[$1]}
  if [[ $port == *_OPS_PORT ]]; then echo OPS_ADDRESS; else echo "${port%_PORT}_ADDRESS"; fi
}
