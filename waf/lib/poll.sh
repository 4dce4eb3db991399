# shellcheck shell=sh disable=SC2034
# One poll: what this Pod runs is told, what it should run is taken. docs/reference/update-protocol.md.

# How long a new Pod's first poll may keep it from its first rule set; seconds.
FIRST_ANSWER_SECONDS=5 FIRST_PACKED_SECONDS=10
# A rule set that was refused is asked for again only after so long, and twice that the next time; seconds.
REFUSAL=900 LONGEST_REFUSAL=14400
LAST_FAULT='' ONLY_FIRST_CA=no
REFUSED='' REFUSED_UNTIL=0 REFUSED_TIMES=0 OUTCOME=''

# value NAME: VALUE of a text field of the status line, if it can be meant. No process is started for it.
value() {
  VALUE=''
  case $STATUS_LINE in *'"'"$1"'":"'*) VALUE=${STATUS_LINE#*\""$1"\":\"} VALUE=${VALUE%%\"*} ;; esac
  is_generation "$VALUE" || VALUE=''
}

# look: STATUS_LINE, what the WAF says of itself.
look() {
  STATUS_LINE=''
  read -r STATUS_LINE 2> /dev/null < "$STATUS"
  [ ${#STATUS_LINE} -le 8192 ] || STATUS_LINE=''
}

# heartbeat: the report of this poll, in base64.
heartbeat() {
  read -r _ _engine < "$SHARE/versions"
  _requests=$STATE/metrics/requests.prom
  [ -f "$_requests" ] || _requests=/dev/null
  head -c 4096 "$_requests" | jq -Rnc --arg status "$STATUS_LINE" --arg outcome "$OUTCOME" --arg engine "$_engine" \
    --arg image "sekisho-waf:$(cat "$SHARE/version" 2> /dev/null)" -f "$LIB/report.jq" | base64 -w0
}

# poll: asks once, and follows what is answered. NEXT says when the next one is due.
poll() {
  look
  GOOD=$(target "$LAST_GOOD")
  value generation
  _tag=${VALUE:--}
  value orders
  _tag=$_tag/${VALUE:--}
  TOLD=$STATUS_LINE
  ANSWER=$(request /v1/waf/current "$ANSWER_SECONDS" "$ANSWER_BYTES" - "If-None-Match: \\\"$_tag\\\"" "Sekisho-Report: $(heartbeat)")
  _code=$?
  clock
  _last=${ANSWER##*
}
  _body=${ANSWER%
*}
  ANSWER=''
  IFS='|' read -r _status _interval _jitter _words << END
$_last
END
  take_pace "$_interval" "$_jitter"
  case $_code:$_status in
    0:200)
      if _values=$(printf '%s' "$_body" | awk -f "$LIB/answer.awk"); then
        # shellcheck disable=SC2086 # five words without wildcards
        follow $_values
      else
        fault "the answer is not that of the protocol: $_values"
      fi
      ;;
    0:304)
      withdrawn
      answered
      ;;
    0:*) fault "HTTP $_status: $(printf '%.300s' "$_body")" ;;
    77:*)
      # The authority that was handed over cannot be read: the first one alone.
      ONLY_FIRST_CA=yes
      fault "$_words"
      ;;
    *) fault "${_words:-curl ended with $_code}" ;;
  esac
}

answered() {
  if [ -n "$LAST_FAULT" ]; then log info "The service answers again" url "$URL"; fi
  LAST_FAULT=''
  due_as_told
}

# fault WORDS: said when it changes. A Pod that has nothing of the service yet asks again sooner.
fault() {
  if [ "$1" != "$LAST_FAULT" ]; then log warn "Cannot get rules from the service; what is there stays" url "$URL" detail "$1"; fi
  LAST_FAULT=$1
  if [ "$SERVED" = yes ]; then due_after_fault "$INTERVAL"; else due_after_fault 2; fi
}

# follow GENERATION SHA256 BYTES ORDERS SIGNATURE: takes what should be run; `-` for what is left out.
follow() {
  if ! place_orders "$4" "$5"; then
    fault "cannot write $ORDERS: the volume sekisho-run is full"
    return
  fi
  if [ "$1" = - ]; then
    answered
    return
  fi
  if ! is_generation "$1"; then
    fault "'$1' is not the name of a rule set"
    return
  fi
  if [ "$1" = "$REFUSED" ] && [ "$NOW" -lt "$REFUSED_UNTIL" ]; then
    answered
    return
  fi
  if [ ! -d "$RULESETS/$1" ] && ! have "$1" "$2" "$3"; then return; fi
  if [ "$1" != "$WANT" ] || [ "$1" = "$REFUSED" ]; then
    if ! want "$1"; then
      outcome "$1" CannotWrite "$WANTED"
      fault "cannot write $WANTED: the volume sekisho-run is full"
      return
    fi
    log info "Rule set placed" generation "$1" from "$URL"
  fi
  FROM=service OUTCOME=''
  if [ "$1" != "$REFUSED" ]; then REFUSED_TIMES=0; fi
  REFUSED=''
  answered
}

# withdrawn: what was refused is not wanted any more; what is served is.
withdrawn() {
  value generation
  if [ "$WANT" = "$REFUSED" ] && of_service "$VALUE" && want "$VALUE"; then FROM=service; fi
  OUTCOME=''
}

# have GENERATION SHA256 BYTES: fetches it. Where that fails, the next poll is due, and tells why.
have() {
  collect spare
  fetch_bundle "$1" "$2" "$3"
  _how=$?
  clock
  rm -rf "$STAGE"
  if [ "$_how" = 0 ]; then
    FETCHED=$1
    return 0
  fi
  [ -z "$REASON" ] || outcome "$1" "$REASON" "$DETAIL"
  # For the next time.
  [ "$REASON" != CannotWrite ] || collect all
  if [ "$_how" = 3 ]; then
    refuse_for_long "$1"
    log error "A bundle cannot be placed; what is there stays" generation "$1" reason "$REASON" detail "$DETAIL"
    answered
    due_soon
  else
    fault "cannot place $1: $REASON $DETAIL"
  fi
  return 1
}

# outcome GENERATION REASON DETAIL: told from the next poll on in the place of what status.json says of another one.
outcome() {
  # shellcheck disable=SC2016 # jq's variable
  OUTCOME=$(jq -cn --arg wanted "$1" --arg state failed --arg reason "$2" --arg detail "$3" '$ARGS.named')
}

# refuse_for_long GENERATION: not asked again soon, unless the service says another.
refuse_for_long() {
  REFUSED=$1 REFUSED_TIMES=$((REFUSED_TIMES + 1))
  _wait=$REFUSAL _times=$REFUSED_TIMES
  while [ "$_times" -gt 1 ] && [ "$_wait" -lt "$LONGEST_REFUSAL" ]; do _wait=$((_wait * 2)) _times=$((_times - 1)); done
  [ "$_wait" -le "$LONGEST_REFUSAL" ] || _wait=$LONGEST_REFUSAL
  REFUSED_UNTIL=$((NOW + _wait))
}
