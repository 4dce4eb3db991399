# shellcheck shell=sh disable=SC2034
# Orders: the mode, apart from the rules, since it changes alone and at once (docs/reference/update-protocol.md). What was taken last is
# kept in waf/highest and holds until the next, over restarts, and with or without the service.

ORDERS=$RUN/orders
# Why the last ones looked at were refused; empty where they were taken.
ORDERS_REFUSED=''
# Seconds since the start of the machine before which a mode that could not be applied is not tried again, and the wait after that.
MODE_AGAIN=0 MODE_PENALTY=0

# take_orders: verifies what lies there. 1 where it is refused; what held before goes on.
take_orders() {
  [ -f "$ORDERS" ] || return 0
  # Judged and read as one copy, whatever is placed meanwhile.
  _try=$STATE/orders.try
  rm -f "$_try" "$_try.sig"
  if ! cp "$ORDERS" "$_try" 2> /dev/null || ! cp "$ORDERS.sig" "$_try.sig" 2> /dev/null; then
    # The one that is missing says which.
    if [ -f "$ORDERS.sig" ]; then refuse CannotWrite "$_try"; else refuse BadSignature "orders.sig is not there"; fi
  elif read_orders "$_try"; then
    rm -f "$_try" "$_try.sig"
    ORDERS_REFUSED=''
    return 0
  fi
  rm -f "$_try" "$_try.sig"
  ORDERS_REFUSED="$REASON: $DETAIL"
  log error "Orders are refused; those before hold: $(sentence "$REASON")" reason "$REASON" detail "$DETAIL" orders "$ORDERS_ID"
  return 1
}

read_orders() {
  # Five lines and nothing else, in this order.
  if [ -L "$ORDERS" ] || [ "$(wc -c < "$1")" -gt 512 ] || ! _bad=$(awk -v bytes="$(wc -c < "$1")" '
    { read += length($0) + 1 }
    NR == 1 && $0 != "sekisho-orders 1" { bad = "line 1 is not \"sekisho-orders 1\"" }
    NR == 2 && $0 !~ /^namespace [a-z0-9]([a-z0-9-]*[a-z0-9])?$/ { bad = "line 2 is not \"namespace NAME\"" }
    NR == 3 && ($0 !~ /^sequence [1-9][0-9]*$/ || length($2) > 16) { bad = "line 3 is not \"sequence NUMBER\"" }
    NR == 4 && $0 !~ /^mode (block|detect|own)$/ { bad = "line 4 is not \"mode block\", \"mode detect\" or \"mode own\"" }
    NR == 5 && ($0 !~ /^break-glass (0|[1-9][0-9]*)$/ || length($2) > 16) { bad = "line 5 is not \"break-glass SECONDS\"" }
    NR > 5 { bad = "there are more than 5 lines" }
    bad { exit }
    END {
      if (!bad && NR != 5) bad = "there are fewer than 5 lines"
      if (!bad && read != bytes) bad = "it does not end with a line end, or holds bytes that are no text"
      print bad
      exit bad != ""
    }' "$1"); then
    refuse OrdersInvalid "orders: ${_bad:-a link, or larger than 512 bytes}"
    return 1
  fi
  signed "$1" "$1.sig" || return 1
  _id=$(sha256sum < "$1" | cut -c1-16)
  _orders=$(sed 's/^[a-z-]* //' "$1" | tr '\n' ' ')
  # shellcheck disable=SC2086 # Words: version, namespace, sequence, mode, break-glass.
  set -- $_orders
  for_us "$2" && not_older "$3" "$_id" "$ORDERS_SEQUENCE" "$ORDERS_ID" || return 1
  [ "$_id" != "$ORDERS_ID" ] || return 0
  _before="$ORDERS_SEQUENCE $ORDERS_MODE $BREAK_GLASS $ORDERS_ID"
  ORDERS_SEQUENCE=$3 ORDERS_ID=$_id ORDERS_MODE=$4 BREAK_GLASS=$5
  if write_highest; then
    MODE_AGAIN=0 MODE_PENALTY=0
    log info "Orders taken" orders "$ORDERS_ID" sequence "$3" mode "$4" break_glass_until "$5"
    return 0
  fi
  # Undone: what is not written down would be forgotten by a restart, and older ones believed.
  # shellcheck disable=SC2086 # Words.
  set -- $_before
  ORDERS_SEQUENCE=$1 ORDERS_MODE=$2 BREAK_GLASS=$3 ORDERS_ID=${4:-}
  return 1
}

# decide_mode: EFFECTIVE_MODE is what should be served now: by the orders, else by the environment.
decide_mode() {
  EFFECTIVE_MODE=$ORDERS_MODE
  [ "$EFFECTIVE_MODE" != own ] || EFFECTIVE_MODE=$MODE
  if [ "$BREAK_GLASS" -gt 0 ] && [ "$(date +%s)" -lt "$BREAK_GLASS" ]; then EFFECTIVE_MODE=detect; fi
  # What the platform says for a Pod that has no rule set yet.
  if [ "$STAND_IN.$WITHOUT_BUNDLE" = yes.baseline-detect ]; then EFFECTIVE_MODE=detect; fi
}

# over_meanwhile MODE: whether a break-glass ended while the candidate was tried, which takes seconds, many of them on a machine under load:
# what would open only after its end is not opened. EFFECTIVE_MODE is then what should be served.
over_meanwhile() {
  [ "$1" = detect ] && [ "$BREAK_GLASS" -gt 0 ] && [ "$(date +%s)" -ge "$BREAK_GLASS" ] || return 1
  decide_mode
  [ "$EFFECTIVE_MODE" != detect ]
}

# apply_mode: serves what is served in the mode that should be, by the same way as a new rule set. What was asked for last stays what it
# is. A change that fails is tried again, seldomer each time: a break-glass must end.
apply_mode() {
  [ -n "$GENERATION" ] || return 0
  decide_mode
  [ "$EFFECTIVE_MODE" != "$SERVED_MODE" ] || return 0
  read -r _up _ < /proc/uptime
  _up=${_up%.*}
  [ "$_up" -ge "$MODE_AGAIN" ] || return 0
  if accept "$GENERATION" "$EFFECTIVE_MODE"; then
    MODE_AGAIN=0 MODE_PENALTY=0
    log info "The mode is changed" mode "$SERVED_MODE" orders "$ORDERS_ID" generation "$GENERATION"
  else
    MODE_PENALTY=$((MODE_PENALTY * 2 + 10))
    [ "$MODE_PENALTY" -le 300 ] || MODE_PENALTY=300
    MODE_AGAIN=$((_up + MODE_PENALTY))
    log error "Cannot change the mode: trying again" wanted_mode "$EFFECTIVE_MODE" mode "$SERVED_MODE" reason "$REASON" detail "$DETAIL" seconds "$MODE_PENALTY"
  fi
  report "$LAST_WANTED" "$STATE_WORD" "$LAST_REASON" "$LAST_DETAIL"
}

# look_at_orders: what `:orders` on the FIFO asks for.
look_at_orders() {
  take_orders
  apply_mode
  report "$LAST_WANTED" "$STATE_WORD" "$LAST_REASON" "$LAST_DETAIL"
}
