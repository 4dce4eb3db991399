# shellcheck shell=sh disable=SC2034
# From settings and a generation to configuration files. Settings were checked, so they hold nothing that sed or nginx could misread.

CONTENT_TYPES='|application/x-www-form-urlencoded| |multipart/form-data| |text/xml| |application/xml| |application/soap+xml|'
CONTENT_TYPES="$CONTENT_TYPES |application/json| |application/json-patch+json| |application/merge-patch+json| |application/vnd.api+json|"
CONTENT_TYPES="$CONTENT_TYPES |application/ld+json| |application/problem+json| |application/reports+json| |application/csp-report|"

# fill TEMPLATE [NAME VALUE]…: the template with each @NAME@ replaced.
fill() {
  _template=$SHARE/templates/$1
  shift
  set -- "$@" STATE "$STATE" TMP "$TMP" SHARE "$SHARE" BODY_LIMIT "${BUNDLE_BODY_LIMIT:-$BODY_LIMIT}" KEY "$KEY"
  _script=
  while [ $# -gt 1 ]; do
    _script="$_script;s#@$1@#$2#g"
    shift 2
  done
  sed "${_script#;}" "$_template"
}

# listen PORT: on IPv4 and, where the node has it, IPv6; apart, so that a client's address is never written ::ffff:10.0.0.9.
listen() {
  printf '%s' "$1"
  if [ -e /proc/net/if_inet6 ]; then printf '; listen [::]:%s ipv6only=on' "$1"; fi
}

# render_rules GENERATION MODE AUDIT: the engine's settings, then the rules, one Include for each file and no pattern.
render_rules() {
  _engine=On _action=Reject
  # Detection refuses nothing, so what is over the limit is read as far as the limit.
  if [ "$2" = detect ]; then _engine=DetectionOnly _action=ProcessPartial; fi
  fill modsecurity.conf ENGINE "$_engine" LIMIT_ACTION "$_action" AUDIT_ENGINE RelevantOnly \
    FIELDS_LIMIT "${BUNDLE_FIELDS_LIMIT:-$FIELDS_LIMIT}" VALUE_LIMIT "$VALUE_LIMIT" CONTENT_TYPES "$CONTENT_TYPES"
  _grpc=$(printf '%s\n' "$PORTS" | tr ',' '\n' | sed -n 's/^\([0-9]*\):.*:grpc$/\1/p' | tr '\n' ' ')
  if [ -n "$_grpc" ]; then fill grpc-content-types.conf GRPC_PORTS "${_grpc% }" CONTENT_TYPES "$CONTENT_TYPES"; fi
  # A compiled rule set brings its own.
  if [ "$BUNDLE_VERSION" = 1 ]; then fill baseline-setup.conf PARANOIA "$PARANOIA" METHODS "$METHODS"; fi
  sums "$1" | cut -c67- | grep '\.conf$' | sort_rules | sed "s#^#Include $RULESETS/$1/#"
}

# The namespace's own rules first, so that an exclusion of theirs is in time; the rest in the order of the Core Rule Set.
sort_rules() {
  awk '{ print (/^custom-/ ? 1 : /^REQUEST-/ ? 2 : 3), $0 }' | sort -k1,1n -k2 | cut -c3-
}

render_nginx() {
  fill main.conf WORKERS "$WORKERS" PIDFILE nginx.pid
  echo 'http {'
  fill http.conf
  fill proxy.conf GENERATION "$1" MODE "$2" REAL_IP "$(real_ip)"
  fill inspect.conf
  _ranges=$(origin_lock "$1") _lock=
  if [ -n "$_ranges" ]; then
    printf '%s\n' "$_ranges"
    # shellcheck disable=SC2016 # nginx's.
    _lock='if ($outside) { return 403; }'
  fi
  for _port in $(printf '%s' "$PORTS" | tr ',' ' '); do
    _listener=${_port%%:*} _protocol=${_port##*:}
    _app=${_port#*:} _app=${_app%:*}
    _pass="proxy_pass http://app_$_listener"
    if [ "$_protocol" = grpc ]; then _pass="grpc_pass grpc://app_$_listener"; fi
    fill server.conf LISTEN_PORT "$_listener" LISTEN "$(listen "$_listener")" UPSTREAM "$UPSTREAM_HOST:$_app" PASS "$_pass" LOCK "$_lock"
  done
  fill health.conf HEALTH_LISTEN "$(listen 15021)" NO_INSPECTION 'modsecurity off;'
  fill probe.conf SOCKET probe.sock
  echo '}'
}

# origin_lock GENERATION: which peers may connect at all, where the manifest says so: the address of the connection, whatever a header says.
origin_lock() {
  sed -n 's/^only-from \(.*\)/    \1 0;/p' "$RULESETS/$1/manifest" | awk '
    NR == 1 { print "\n  geo $realip_remote_addr $outside {\n    default 1;" }
    { print }
    END { if (NR) print "  }" }
  '
}

real_ip() {
  [ -n "$TRUSTED_PROXIES" ] || return 0
  for _cidr in $(printf '%s' "$TRUSTED_PROXIES" | tr ',' ' '); do printf 'set_real_ip_from %s; ' "$_cidr"; done
  printf 'real_ip_header X-Forwarded-For; real_ip_recursive on;'
}

# The candidate beside the live one: the same rules on a socket, no port.
render_bench() {
  fill main.conf WORKERS 1 PIDFILE bench.pid
  echo 'master_process off; http {'
  fill http.conf
  fill inspect.conf
  fill probe.conf SOCKET bench.sock
  echo '}'
}

# Nothing to serve: alive, not ready, no listener for the app.
render_idle() {
  KEY=idle
  fill main.conf WORKERS 1 PIDFILE nginx.pid
  echo 'http {'
  fill http.conf
  fill health.conf HEALTH_LISTEN "$(listen 15021)" NO_INSPECTION ''
  echo '}'
}

# render GENERATION MODE: writes the candidate's files. KEY names them.
render() {
  KEY=$1.$2
  render_rules "$1" "$2" > "$STATE/$KEY.modsecurity.conf" &&
    render_nginx "$1" "$2" > "$STATE/$KEY.conf" &&
    render_bench > "$STATE/$KEY.bench.conf"
}
