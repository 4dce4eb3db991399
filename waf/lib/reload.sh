# shellcheck shell=sh disable=SC2034
# One generation from a name to being served: judged away from traffic, switched, asked, or taken back.
#
#     verify ─ render ─ nginx -t ─ count ─ bench ─ point active ─ HUP ─ ask ─ probe ─ remember ─ point last-good
#           │                                     └─────────── back to the one before ───────┘
#           └─ the content that is served already, signed anew: adopted, nginx goes on as it is
#
# Killed anywhere, the next start judges `active` anew and falls back to `last-good`; nothing in between is believed. So `active` is there
# before a higher sequence is written down, and `last-good` after it.

# Outcome of all tries of this container, for /metrics.
RELOADS_DONE=0 RELOADS_FAILED=0

# run_nginx ARGUMENT…: becomes nginx, without our FIFO, with the allocator that makes the engine a fifth faster. It is told to give
# memory back at once: kept, the copies that the engine makes of four 12 MB uploads end the container at its limit. By its path, with
# which it starts its successor at USR2. Only in a subshell.
run_nginx() {
  TCMALLOC_AGGRESSIVE_DECOMMIT=${TCMALLOC_AGGRESSIVE_DECOMMIT:-1} LD_PRELOAD=libtcmalloc_minimal.so.4 exec /usr/sbin/nginx -e stderr "$@" 3>&-
}

# ask SOCKET PATH: status code and body of a request to a probe server; the attack is never one of a client.
ask() {
  curl -s -g --max-time 5 -A sekisho-probe -H 'Accept: */*' -o - -w '\n%{http_code}' --unix-socket "$STATE/$1" "http://sekisho.probe$2" 2> /dev/null
}

# probe SOCKET: the rules let what is harmless pass and refuse what is not. No answer at all is no word about the rules.
probe() {
  expect "$1" '/' 200 || return 1
  expect "$1" '/?id=1%27%20UNION%20SELECT%20user,password%20FROM%20users--' 403
}

# expect SOCKET PATH STATUS
expect() {
  _answer=$(ask "$1" "$2") || _answer=
  _answer=${_answer##*
}
  case $_answer in
    "$3") return 0 ;;
    '' | 000)
      if [ "$1" = bench.sock ]; then refuse BenchFailed "it does not answer"; else refuse ReloadFailed "nginx does not answer"; fi
      ;;
    *)
      if [ "$3" = 200 ]; then refuse GoodRequestRefused "GET / was answered $_answer"; else refuse BadRequestPassed "a UNION SELECT was answered $_answer"; fi
      ;;
  esac
  return 1
}

# served: the key (generation and mode) that the running nginx answers with.
served() {
  _answer=$(ask probe.sock /generation) || return 0
  printf '%s' "${_answer%%
*}"
}

# test_config: nginx -t on the candidate; the engine's own count against the manifest's.
test_config() {
  _code=0
  (run_nginx -t -c "$STATE/$KEY.conf") > "$STATE/test.out" 2>&1 < /dev/null || _code=$?
  if [ "$_code" -gt 128 ]; then
    refuse BenchFailed "nginx -t was ended by signal $((_code - 128)); 9 means that memory ran out"
    return 1
  fi
  if [ "$_code" != 0 ]; then
    refuse ConfigRefused "$(grep -E '\[(emerg|alert|crit)\]' "$STATE/test.out" | head -n 2 | cut -c1-600 | tr '\n' ' ')"
    return 1
  fi
  # inline/local/remote: the inline ones are the two settings of the probe server, which hold no rule.
  LOADED=$(sed -n 's#.*(rules loaded inline/local/remote: \([0-9]*/[0-9]*/[0-9]*\)).*#\1#p' "$STATE/test.out" | tail -n 1)
  _setup=$(awk -f "$LIB/count.awk" "$STATE/$KEY.modsecurity.conf")
  if [ "$LOADED" != "0/$((BUNDLE_RULES + _setup))/0" ]; then
    refuse RuleCountDiffers "loaded $LOADED (inline/local/remote), the manifest counts $BUNDLE_RULES and the setup $_setup"
    return 1
  fi
}

# bench: the candidate as a process of its own, on a socket, without traffic.
bench() {
  rm -f "$STATE/bench.sock"
  run_nginx -c "$STATE/$KEY.bench.conf" > "$STATE/bench.out" 2>&1 < /dev/null &
  _bench=$!
  _tries=0
  until [ -S "$STATE/bench.sock" ] && [ -n "$(ask bench.sock /generation)" ]; do
    _tries=$((_tries + 1))
    if [ "$_tries" -gt 100 ] || ! kill -0 "$_bench" 2> /dev/null; then
      kill -KILL "$_bench" 2> /dev/null
      wait "$_bench" 2> /dev/null
      refuse BenchFailed "$(tail -n 2 "$STATE/bench.out" | cut -c1-600 | tr '\n' ' ')"
      return 1
    fi
    sleep 0.1
  done
  _code=0
  probe bench.sock || _code=1
  kill -KILL "$_bench" 2> /dev/null
  wait "$_bench" 2> /dev/null
  rm -f "$STATE/bench.sock"
  return "$_code"
}

# judge GENERATION MODE: after verify_bundle.
judge() {
  if ! render "$1" "$2" 2> /dev/null; then
    refuse CannotWrite "$STATE/$1.$2.conf"
    return 1
  fi
  test_config && bench
}

# take_over GENERATION KEY: the judged candidate becomes what nginx serves.
take_over() {
  if ! point "$ACTIVE" "rulesets/$1" || ! point "$STATE/nginx.conf" "$2.conf"; then
    refuse CannotWrite "$ACTIVE"
    return 1
  fi
  kill -HUP "$NGINX" 2> /dev/null
  confirm "$2"
}

# confirm KEY: asks until the new workers answer, then probes them. An nginx that ended meanwhile is started once, with what it should serve.
confirm() {
  _tries=0 _started=no
  until [ "$(served)" = "$1" ]; do
    _tries=$((_tries + 1))
    if [ "$_started" = no ] && gone "$NGINX"; then
      _started=yes
      NGINX_RESTARTS=$((NGINX_RESTARTS + 1))
      log error "nginx ended while it was to take a configuration over: starting it again" restarts "$NGINX_RESTARTS"
      end_orphans
      start_nginx
    elif [ "$_tries" -gt 150 ] || gone "$NGINX"; then
      refuse ReloadFailed "asked for $1, nginx serves '$(served)'; its own words are in the log above"
      return 1
    fi
    sleep 0.1
  done
  probe probe.sock
}

# accept GENERATION MODE: all of it. GENERATION, SERVED_MODE, KEY_SERVED and status.json say the outcome; 1 where it was refused.
accept() {
  REASON='' DETAIL=''
  _before=$GENERATION _key_before=$KEY_SERVED _as=$2
  if verify_bundle "$1"; then
    if [ -n "$BUNDLE_ADDRESS" ] && [ "$BUNDLE_ADDRESS.$_as" = "$ADDRESS_SERVED.$SERVED_MODE" ]; then
      adopt "$1" "$_as" && return
    elif judge "$1" "$_as" && { ! over_meanwhile "$_as" || { _as=$EFFECTIVE_MODE && judge "$1" "$_as"; }; }; then
      _key=$1.$_as
      if take_over "$1" "$_key" && remember "$1" "$BUNDLE_SEQUENCE"; then
        RELOADS_DONE=$((RELOADS_DONE + 1)) RELOADS_OF_MASTER=$((RELOADS_OF_MASTER + 1))
        [ "$LOOKS" -ge 0 ] || LOOKS=0
        accepted "$1" "$_as"
        for _old in "$STATE"/ready/*; do [ "$_old" = "$STATE/ready/$_key" ] || rm -f "$_old"; done
        return 0
      fi
      go_back "$_before" "$_key_before"
    fi
  fi
  RELOADS_FAILED=$((RELOADS_FAILED + 1))
  return 1
}

# accepted GENERATION MODE
accepted() {
  : > "$STATE/ready/$1.$2" || log error "Cannot mark the rule set ready: the volume is full"
  point "$LAST_GOOD" "rulesets/$1"
  if [ "$GENERATION" != "$1" ]; then PREVIOUS=$GENERATION; fi
  GENERATION=$1 SERVED_MODE=$2 KEY_SERVED=$1.$2 RULES=$BUNDLE_RULES CRS=$BUNDLE_CRS SEQUENCE=$BUNDLE_SEQUENCE ADDRESS_SERVED=$BUNDLE_ADDRESS
  sweep
}

# adopt GENERATION MODE: the files are those that nginx has loaded, only the manifest is another. nginx goes on answering for, and writing
# into its records, the generation that it loaded; what it would load next is the new one.
adopt() {
  if ! render "$1" "$2" 2> /dev/null || ! point "$ACTIVE" "rulesets/$1" || ! point "$STATE/nginx.conf" "$1.$2.conf"; then
    refuse CannotWrite "$STATE/$1.$2.conf"
  elif remember "$1" "$BUNDLE_SEQUENCE"; then
    accepted "$1" "$2"
    return 0
  fi
  if ! point "$ACTIVE" "rulesets/$GENERATION" || ! point "$STATE/nginx.conf" "$KEY_SERVED.conf"; then
    log error "Cannot go back to the generation before: the volume is full" generation "$GENERATION"
  fi
  return 1
}

# go_back GENERATION KEY: what was served before the try is served again; its configuration is still there.
go_back() {
  if [ -n "$1" ]; then point "$ACTIVE" "rulesets/$1"; else rm -f "$ACTIVE"; fi
  point "$STATE/nginx.conf" "${2:-idle}.conf"
  kill -HUP "$NGINX" 2> /dev/null
  if [ -n "$2" ]; then
    _reason=$REASON _detail=$DETAIL
    if ! confirm "$2"; then
      rm -f "$STATE"/ready/*
      log error "Cannot go back to the generation before: not ready" generation "$1" reason "$REASON" detail "$DETAIL"
      GENERATION='' KEY_SERVED='' ADDRESS_SERVED=''
    fi
    REASON=$_reason DETAIL=$_detail
  fi
}

# sweep: configurations of other generations.
sweep() {
  for _old in "$STATE"/crs-*.conf; do
    case ${_old##*/} in "$KEY_SERVED".*) ;; *) rm -f "$_old" ;; esac
  done
}
