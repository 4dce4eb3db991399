# shellcheck shell=sh disable=SC2034
# The engine leaks with every reload, and only the end of its processes gives that back. So when nginx holds more than a budget after a
# reload, it is exchanged by USR2: a new master and new workers on the same listeners, then QUIT for the old ones. No request is lost.
#
#     PID 1 ── nginx (old) ── nginx (new) ── workers        USR2: the new master is the old one's child
#     PID 1 ── nginx (new) ── workers                       after QUIT it is PID 1's, and can be exchanged in its turn

# Since the master that runs was started: only these leak. Exchanges, for /metrics.
RELOADS_OF_MASTER=0 RECYCLES_DONE=0 RECYCLES_FAILED=0
# What nginx held when last asked, in bytes. Uptimes: of the last exchange, and the wait that follows it.
MEMORY=0 RECYCLED=0 RECYCLE_WAIT=0
# Ticks until the next look where below 0; ticks that a look was put off above.
LOOKS=0

# memory_budget: half of the container's limit, where there is one: an exchange needs room for both.
memory_budget() {
  _limit=
  for _file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    [ -z "$_limit" ] || break
    read -r _limit 2> /dev/null < "$_file" || _limit=
  done
  case $_limit in
    # No limit, or one of more than a terabyte, which is how the first kind of cgroup says so.
    '' | *[!0-9]* | ?????????????*) printf '%s' $((192 * 1024 * 1024)) ;;
    *) printf '%s' $((_limit / 2)) ;;
  esac
}

# nginxes: each nginx in this container as "PID PARENT".
nginxes() {
  cat /proc/[0-9]*/stat 2> /dev/null | sed -n 's/^\([0-9]*\) (nginx) [^Z] \([0-9]*\) .*/\1 \2/p'
}

# workers_of PID
workers_of() {
  nginxes | awk -v master="$1" '$2 == master { n++ } END { print n + 0 }'
}

# measure: MEMORY becomes what all nginx processes hold of their own, each page counted once: not the program's files, which the kernel
# can drop and which other containers may share.
measure() {
  MEMORY=$(for _pid in $(nginxes | cut -d' ' -f1); do cat "/proc/$_pid/smaps_rollup" 2> /dev/null; done |
    awk '$1 == "Pss:" { all += $2 } $1 == "Pss_Anon:" { own += $2 } END { printf "%d", (own ? own : all) * 1024 }')
}

# tend_memory: every few seconds. Not while workers of an earlier configuration still end: theirs comes back by itself, and soon, unless
# reloads follow each other closely.
tend_memory() {
  [ "$RELOADS_OF_MASTER" -gt 0 ] || return 0
  LOOKS=$((LOOKS + 1))
  [ "$LOOKS" -gt 0 ] || return 0
  if [ "$(nginxes | wc -l)" -gt $((WORKERS + 1)) ] && [ "$LOOKS" -lt 12 ]; then return 0; fi
  _memory=$MEMORY
  measure
  if [ "$MEMORY" -le "$MEMORY_BUDGET" ]; then
    # Again in a minute, or after the next reload.
    LOOKS=-12
    if [ $((MEMORY * 10)) -gt $((_memory * 11)) ] || [ $((MEMORY * 10)) -lt $((_memory * 9)) ]; then
      report "$LAST_WANTED" "$STATE_WORD" "$LAST_REASON" "$LAST_DETAIL"
    fi
    return 0
  fi
  read -r _up _ < /proc/uptime
  _up=${_up%.*}
  [ $((_up - RECYCLED)) -ge "$RECYCLE_WAIT" ] || return 0
  RECYCLED=$_up
  if recycle; then
    RECYCLES_DONE=$((RECYCLES_DONE + 1)) RECYCLE_WAIT=$RECYCLE_SECONDS
    log info "nginx held more than its budget and was exchanged" held_bytes "$MEMORY" budget_bytes "$MEMORY_BUDGET"
  else
    # Twice as long each time: what failed once may fail again.
    RECYCLES_FAILED=$((RECYCLES_FAILED + 1)) RECYCLE_WAIT=$((RECYCLE_WAIT * 2 + RECYCLE_SECONDS))
    [ "$RECYCLE_WAIT" -le 3600 ] || RECYCLE_WAIT=3600
    log error "Cannot exchange nginx: it goes on as it is" held_bytes "$MEMORY" budget_bytes "$MEMORY_BUDGET"
  fi
  report "$LAST_WANTED" "$STATE_WORD" "$LAST_REASON" "$LAST_DETAIL"
}

# recycle: 1 where the new nginx did not come up; the old one then goes on.
recycle() {
  _old=$NGINX _new='' _tries=0
  kill -USR2 "$_old" 2> /dev/null || return 1
  until [ -n "$_new" ] && [ "$(workers_of "$_new")" -ge "$WORKERS" ]; do
    sleep 0.1
    _tries=$((_tries + 1))
    if [ -z "$_new" ]; then
      # The old one's name until the new one has read its configuration.
      read -r _new 2> /dev/null < "$STATE/nginx.pid" || _new=''
      [ "$_new" != "$_old" ] || _new=''
    fi
    if [ "$_tries" -gt 150 ] || gone "$_old" || { [ -n "$_new" ] && ! nginxes | grep -q "^$_new "; }; then
      [ -z "$_new" ] || kill -KILL "$_new" 2> /dev/null
      return 1
    fi
  done
  kill -QUIT "$_old" 2> /dev/null
  NGINX=$_new RELOADS_OF_MASTER=0
  # The old workers no longer take connections once they have heard: whoever answers now is new.
  sleep 0.3
  if confirm "$KEY_SERVED"; then return 0; fi
  rm -f "$STATE"/ready/*
  log error "nginx does not serve its generation after the exchange: starting it again" reason "$REASON" detail "$DETAIL"
  kill -KILL "$NGINX" 2> /dev/null
  return 1
}
