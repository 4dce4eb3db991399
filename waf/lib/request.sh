# shellcheck shell=sh disable=SC2034
# One HTTPS request to `sekisho rules`: which name and address, whose word is believed, and how much of an answer is taken. Nothing that
# the service sends can be larger, slower or lead elsewhere than is said here.

# A projected ServiceAccount token, renewed by the kubelet: read anew for each request.
TOKEN=/var/run/secrets/sekisho/token
# Of the text that a poll is answered with, and seconds for it; of a packed bundle.
ANSWER_BYTES=16384 ANSWER_SECONDS=10 PACKED_BYTES=4194304 PACKED_SECONDS=30
# read_service: URL and CONNECT_TO from the environment; URL is empty where there is no service to ask.
read_service() {
  URL=${SEKISHO_RULES_URL:-} CONNECT_TO=${SEKISHO_RULES_CONNECT_TO:-}
  URL=${URL%/}
  case $URL in
    '' | https://*[!A-Za-z0-9.:/_\[\]-]*) _bad=SEKISHO_RULES_URL ;;
    https://?*) _bad='' ;;
    *) _bad=SEKISHO_RULES_URL ;;
  esac
  [ -n "$URL" ] || return 0
  case $CONNECT_TO in *[!A-Za-z0-9.:\[\]-]*) _bad=SEKISHO_RULES_CONNECT_TO ;; esac
  [ -n "${SEKISHO_RULES_CA:-}" ] || _bad=SEKISHO_RULES_CA
  [ -n "$_bad" ] || return 0
  # The Pod's own rules are enforced nevertheless: what cannot be asked for must not keep an app from starting.
  log error "Cannot ask the service for rules: $_bad must be an https address, ADDRESS:PORT, a PEM certificate; going on without it" \
    variable "$_bad" url "$URL" connect_to "$CONNECT_TO"
  URL=''
}

# believed: the authority that the webhook gave this Pod, and the one that the last bundle which passed its probes handed over.
believed() {
  printf '%s\n' "$SEKISHO_RULES_CA"
  if [ "$ONLY_FIRST_CA" = no ] && [ -n "$GOOD" ] && [ -f "$RULESETS/$GOOD/ca.crt" ]; then cat "$RULESETS/$GOOD/ca.crt"; fi
}

# request PATH SECONDS BYTES OUTPUT [HEADER…]: the body to OUTPUT (- for stdout), then a line: status, interval, jitter, curl's own words.
# Token and headers are no arguments of a process, and the authorities no file: a full volume keeps nobody from asking.
request() {
  _path=$1 _seconds=$2 _most=$3 _output=$4
  shift 4
  _token=''
  read -r _token 2> /dev/null < "$TOKEN"
  case $_token in
    '' | *[!A-Za-z0-9._-]*)
      printf '\n000|||no token in %s' "$TOKEN"
      return 2
      ;;
  esac
  _headers=$(printf 'header = "%s"\n' "Authorization: Bearer $_token" "$@")
  [ -z "$CONNECT_TO" ] || _headers="$_headers
connect-to = \"::$CONNECT_TO\""
  # capath: or else the system's own authorities would be believed, too. No redirects: --location is not there.
  believed | curl -q -sg --config /dev/fd/3 --cacert /dev/stdin --max-time "$_seconds" --max-filesize "$_most" --output "$_output" \
    --write-out '\n%{response_code}|%header{sekisho-interval}|%header{sekisho-jitter}|%{errormsg}' "$URL$_path" 2> /dev/null 3<< END
proto = "=https"
tlsv1.2
http1.1
noproxy = "*"
capath = "/dev/null"
connect-timeout = 5
user-agent = "sekisho-rules/1"
$_headers
END
}
