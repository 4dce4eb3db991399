# shellcheck shell=sh disable=SC2034
# The environment of sekisho-waf, read once, checked, and refused with the variable, its value and what would do.

wrong() {
  log error "Cannot start: $1 must be $2" variable "$1" value "$3"
  exit 64
}

# number NAME VALUE LOWEST HIGHEST
number() {
  case $2 in
    '' | *[!0-9]* | 0?* | ???????????*) wrong "$1" "a number from $3 to $4" "$2" ;;
  esac
  if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then wrong "$1" "a number from $3 to $4" "$2"; fi
}

read_settings() {
  MODE=${SEKISHO_MODE:-}
  case $MODE in block | detect) ;; *) wrong SEKISHO_MODE 'block or detect' "$MODE" ;; esac
  WITHOUT_BUNDLE=${SEKISHO_WITHOUT_BUNDLE:-baseline-block}
  case $WITHOUT_BUNDLE in
    baseline-detect | baseline-block | wait) ;;
    *) wrong SEKISHO_WITHOUT_BUNDLE 'baseline-detect, baseline-block or wait' "$WITHOUT_BUNDLE" ;;
  esac

  PORTS=${SEKISHO_PORTS:-}
  printf '%s' "$PORTS" | grep -qxE '[0-9]{1,5}:[0-9]{1,5}:(http|grpc)(,[0-9]{1,5}:[0-9]{1,5}:(http|grpc))*' ||
    wrong SEKISHO_PORTS 'LISTENER:PORT:http|grpc, comma separated' "$PORTS"
  UPSTREAM_HOST=${SEKISHO_UPSTREAM_HOST:-}
  case $UPSTREAM_HOST in
    '' | *[!0-9a-fA-F.:]*) wrong SEKISHO_UPSTREAM_HOST 'an IP address' "$UPSTREAM_HOST" ;;
    *:*) UPSTREAM_HOST="[$UPSTREAM_HOST]" ;;
  esac

  PARANOIA=${SEKISHO_PARANOIA_LEVEL:-1}
  number SEKISHO_PARANOIA_LEVEL "$PARANOIA" 1 4
  METHODS=${SEKISHO_ALLOWED_METHODS:-GET HEAD POST OPTIONS PUT PATCH DELETE}
  case $METHODS in *[!A-Z\ ]*) wrong SEKISHO_ALLOWED_METHODS 'methods in capitals, space separated' "$METHODS" ;; esac
  BODY_LIMIT=${SEKISHO_BODY_LIMIT_BYTES:-13107200}
  number SEKISHO_BODY_LIMIT_BYTES "$BODY_LIMIT" 1024 1073741824
  FIELDS_LIMIT=${SEKISHO_FIELDS_LIMIT_BYTES:-1048576}
  number SEKISHO_FIELDS_LIMIT_BYTES "$FIELDS_LIMIT" 1024 1073741824
  [ "$FIELDS_LIMIT" -le "$BODY_LIMIT" ] || FIELDS_LIMIT=$BODY_LIMIT
  VALUE_LIMIT=${SEKISHO_VALUE_LIMIT_BYTES:-65536}
  number SEKISHO_VALUE_LIMIT_BYTES "$VALUE_LIMIT" 256 1073741824
  TRUSTED_PROXIES=${SEKISHO_TRUSTED_PROXIES:-}
  case $TRUSTED_PROXIES in *[!0-9a-fA-F.:/,]*) wrong SEKISHO_TRUSTED_PROXIES 'CIDRs, comma separated' "$TRUSTED_PROXIES" ;; esac
  WORKERS=${SEKISHO_WORKERS:-2}
  number SEKISHO_WORKERS "$WORKERS" 1 64

  # For records, and the namespace for whom something must be signed; Kubernetes names hold nothing else.
  POD_NAME=${SEKISHO_POD_NAME:-} POD_NAMESPACE=${SEKISHO_POD_NAMESPACE:-} POD_UID=${SEKISHO_POD_UID:-}
  case $POD_NAME$POD_NAMESPACE$POD_UID in
    *[!a-z0-9.-]*) wrong SEKISHO_POD_NAME,SEKISHO_POD_NAMESPACE,SEKISHO_POD_UID 'names of Kubernetes' "$POD_NAME $POD_NAMESPACE $POD_UID" ;;
  esac

  # Whose signatures count. Without any, nothing signed can be believed, and the image's own rules are what there is.
  RULES_KEYS=${SEKISHO_RULES_KEYS:-}
  for _key in $RULES_KEYS; do
    printf '%s' "$_key" | grep -qxE '[A-Za-z0-9+/]{43}=' || wrong SEKISHO_RULES_KEYS 'raw Ed25519 public keys in base64, separated by spaces' "$RULES_KEYS"
  done
  if [ -n "$RULES_KEYS" ] && [ -z "$POD_NAMESPACE" ]; then wrong SEKISHO_POD_NAMESPACE 'set where SEKISHO_RULES_KEYS is' ''; fi
  BENCH=${SEKISHO_BENCH:-}
  case $BENCH in '' | 1) ;; *) wrong SEKISHO_BENCH '1, or not set' "$BENCH" ;; esac

  # A body is spooled to the temp volume: one that cannot fit could never be let through.
  TMP_BYTES=${SEKISHO_TMP_BYTES:-}
  if [ -n "$TMP_BYTES" ]; then
    number SEKISHO_TMP_BYTES "$TMP_BYTES" 1 9999999999
    if [ "$BODY_LIMIT" -gt "$TMP_BYTES" ]; then
      log warn "bodies larger than the temp volume will be answered 503" body_limit "$BODY_LIMIT" tmp_bytes "$TMP_BYTES"
    fi
  fi
  MEMORY_BUDGET=${SEKISHO_MEMORY_BUDGET_BYTES:-$(memory_budget)}
  case $MEMORY_BUDGET in '' | *[!0-9]* | 0* | ?????????????????*) wrong SEKISHO_MEMORY_BUDGET_BYTES 'a number of bytes' "$MEMORY_BUDGET" ;; esac
  RECYCLE_SECONDS=${SEKISHO_RECYCLE_SECONDS:-300}
  number SEKISHO_RECYCLE_SECONDS "$RECYCLE_SECONDS" 1 86400
}
