# shellcheck shell=sh disable=SC2034
# The processes beside PID 1: nginx, and three filters between its logs and the container's streams. PID 1 holds every FIFO open for
# reading and writing, so that a filter which dies leaves nobody with a broken pipe: 64 KiB wait for the next one, milliseconds later.

NGINX=0 FILTER_AUDIT=0 FILTER_ERROR=0 FILTER_ACCESS=0 TICKER=0
NGINX_RESTARTS=0 FILTER_RESTARTS=0 FAILURES=0

make_fifos() {
  for _fifo in audit error access; do
    if [ ! -p "$STATE/$_fifo.fifo" ]; then
      rm -rf "$STATE/$_fifo.fifo"
      mkfifo -m 600 "$STATE/$_fifo.fifo"
    fi
  done
  exec 4<> "$STATE/audit.fifo" 5<> "$STATE/error.fifo" 6<> "$STATE/access.fifo"
}

# start_nginx: from a shell in between that ends once nginx has come up: nginx takes no USR2 while its parent is the process that started
# it, so it must become PID 1's only then.
start_nginx() {
  rm -f "$STATE/probe.sock" "$STATE/nginx.pid"
  NGINX=$(
    exec 3>&- 4>&- 6>&-
    run_nginx -c "$STATE/nginx.conf" < /dev/null > /dev/null 2>&5 5>&- &
    _pid=$! _tries=0
    until [ -s "$STATE/nginx.pid" ] || [ "$_tries" -gt 300 ] || gone "$_pid"; do
      sleep 0.05
      _tries=$((_tries + 1))
    done
    printf '%s' "$_pid"
  )
  RELOADS_OF_MASTER=0
}

start_audit() {
  jq -Rc --unbuffered --arg pod "$POD_NAME" --arg namespace "$POD_NAMESPACE" --arg pod_uid "$POD_UID" -L "$LIB" -f "$LIB/audit.jq" \
    <&4 3>&- 4>&- 5>&- 6>&- &
  FILTER_AUDIT=$!
}

start_error() {
  jq -Rc --unbuffered -f "$LIB/error.jq" <&5 >&2 3>&- 4>&- 5>&- 6>&- &
  FILTER_ERROR=$!
}

start_access() {
  mawk -W interactive -v file="$STATE/metrics/requests.prom" -f "$LIB/access.awk" <&6 3>&- 4>&- 5>&- 6>&- &
  FILTER_ACCESS=$!
}

# Wakes PID 1 and has the counters written, without which both would wait for the next event.
start_ticker() {
  while sleep 5; do
    echo ':tick' >&3
    echo ':flush' >&6
    sweep_bodies
  done < /dev/null > /dev/null 2>&1 &
  TICKER=$!
}

# sweep_bodies: removes the files of bodies whose worker was killed. Listed before the open files are: a new one is held from its first
# moment.
sweep_bodies() {
  for _body in "$TMP"/body/*; do
    [ -e "$_body" ] || return 0
    break
  done
  _bodies=$(printf '%s\n' "$TMP"/body/*)
  _held=$(find /proc/[0-9]*/fd -lname "$TMP/body/*" -printf '%l\n')
  for _body in $_bodies; do
    case "
$_held
" in
      *"
$_body
"*) ;;
      *) rm -f "$_body" ;;
    esac
  done
  drain_bodies
}

# drain_bodies: the connector never ends a request whose body failed while it was read (413, 400, 503), so that its file stays open and
# fills the volume. While that is more than half full, the oldest are emptied of those to which nothing was written for twice
# client_body_timeout: no client can still be sending them.
drain_bodies() {
  find "$TMP/body" -type f -size +0 -mmin +0.5 -printf '%T@ %p\n' | sort -n | while read -r _ _body; do
    _used=$(df -P "$TMP" | awk 'NR == 2 { print $5 + 0 }')
    [ "$_used" -gt 50 ] || return 0
    : > "$_body"
  done
}

# gone PID: whether a child has ended; `jobs` reaps.
gone() {
  jobs > /dev/null 2>&1
  ! kill -0 "$1" 2> /dev/null
}

# supervise: starts again what ended. nginx is not ready from the moment it is missed until its probes have passed again.
supervise() {
  if gone "$FILTER_AUDIT"; then revive audit; fi
  if gone "$FILTER_ERROR"; then revive error; fi
  if gone "$FILTER_ACCESS"; then revive access; fi
  if gone "$TICKER"; then start_ticker; fi
  if gone "$NGINX"; then revive_nginx; fi
}

revive() {
  FILTER_RESTARTS=$((FILTER_RESTARTS + 1))
  # Something that ends at once must not become a loop.
  if [ "$FILTER_RESTARTS" -gt 20 ]; then sleep 1; fi
  "start_$1"
  log warn "A log filter ended and was started again" filter "$1"
}

revive_nginx() {
  rm -f "$STATE"/ready/*
  NGINX_RESTARTS=$((NGINX_RESTARTS + 1)) FAILURES=$((FAILURES + 1))
  log error "nginx ended: starting it again, not ready meanwhile" restarts "$NGINX_RESTARTS"
  if [ "$FAILURES" -gt 5 ]; then
    log error "nginx ends again and again: giving up, so that the container is started anew"
    exit 1
  fi
  [ "$FAILURES" = 1 ] || sleep "$FAILURES"
  # Workers whose master was killed still hold the listeners.
  end_orphans
  start_nginx
  if [ -z "$KEY_SERVED" ]; then return 0; fi
  if confirm "$KEY_SERVED"; then
    : > "$STATE/ready/$KEY_SERVED"
    FAILURES=0
    report "$LAST_WANTED" "$STATE_WORD" "$LAST_REASON" "$LAST_DETAIL"
  else
    log error "nginx does not serve its generation after a restart: not ready" reason "$REASON" detail "$DETAIL"
  fi
}

# end_orphans: every nginx in this container; called only while none should run.
end_orphans() {
  for _proc in /proc/[0-9]*; do
    if [ "$(cat "$_proc/comm" 2> /dev/null)" = nginx ]; then kill -KILL "${_proc#/proc/}" 2> /dev/null; fi
  done
}
