# shellcheck shell=sh disable=SC2034
# The engine leaks a little with every reload, and an allocator keeps what a large rule set once took; only the end of the processes gives
# that back. So when nginx holds more than a budget after a reload, it is exchanged by USR2: a new master and new workers on the same
# listeners, then QUIT for the old ones. No request is lost.
#
#     PID 1 ── nginx (old) ── nginx (new) ── workers        USR2: the new master is the old one's child
#     PID 1 ── nginx (new) ── workers                       after QUIT it is PID 1's, and can be exchanged in its turn

# The container's own, where Kubernetes mounts it.
CGROUP=/sys/fs/cgroup
# Since the master that runs was started: only these leak. Exchanges, for /metrics.
RELOADS_OF_MASTER=0 RECYCLES_DONE=0 RECYCLES_FAILED=0
# What nginx held when last asked, in bytes. Uptimes: of the last exchange, and the wait that follows it.
MEMORY=0 RECYCLED=0 RECYCLE_WAIT=0
# Ticks until the next look where below 0; ticks that a look was put off above.
LOOKS=0
# Whether nginx was not yet asked since it was exchanged.
FRESH=no

# memory_limit: the container's, in bytes; empty where there is none. The first kind of cgroup says so by more than a terabyte.
memory_limit() {
  for _file in "$CGROUP/memory.max" "$CGROUP/memory/memory.limit_in_bytes"; do
    _limit=
    read -r _limit 2> /dev/null < "$_file" || continue
    case $_limit in
      '' | *[!0-9]* | ?????????????*) ;;
      *) printf '%s' "$_limit" ;;
    esac
    return
  done
}

# memory_budget: an exchange needs room for the old and the new, beside the bodies in the temp volume, which count in the same limit.
memory_budget() {
  _limit=$(memory_limit)
  if [ -z "$_limit" ]; then
    printf '%s' $((192 * 1024 * 1024))
  elif [ "${TMP_BYTES:-0}" -lt $((_limit / 2)) ]; then
    printf '%s' $(((_limit - ${TMP_BYTES:-0}) / 2))
  else
    printf '%s' $((_limit / 4))
  fi
}

# nginxes: each nginx in this container as "PID PARENT".
nginxes() {
  cat /proc/[0-9]*/stat 2> /dev/null | sed -n 's/^\([0-9]*\) (nginx) [^Z] \([0-9]*\) .*/\1 \2/p'
}

# workers_of PID
workers_of() {
  nginxes | awk -v master="$1" '$2 == master { n++ } END { print n + 0 }'
}

# measure: MEMORY becomes what all nginx processes hold of their own, each page counted once. That is what counts in the container's limit
# and what an exchange gives back: of the rest of the cgroup's figure, files can be dropped by the kernel, and bodies in the temp volume
# stay. A kernel that does not tell it by process tells it of the whole container, some 3 MiB more.
measure() {
  MEMORY=$(for _pid in $(nginxes | cut -d' ' -f1); do cat "/proc/$_pid/smaps_rollup" 2> /dev/null; done |
    awk '$1 == "Pss_Anon:" { own += $2 } END { printf "%.0f", own * 1024 }')
  for _file in "$CGROUP/memory.stat" "$CGROUP/memory/memory.stat"; do
    if [ "$MEMORY" = 0 ] && [ -r "$_file" ]; then
      MEMORY=$(awk '$1 == "anon" || $1 == "total_rss" { own = $2 } END { printf "%.0f", own }' "$_file")
    fi
  done
}

# look: measures, and reports what differs by a tenth.
look() {
  _memory=$MEMORY
  measure
  if [ "$FRESH" = yes ] || [ $((MEMORY * 10)) -gt $((_memory * 11)) ] || [ $((MEMORY * 10)) -lt $((_memory * 9)) ]; then
    report "$LAST_WANTED" "$STATE_WORD" "$LAST_REASON" "$LAST_DETAIL"
  fi
  if [ "$FRESH" = yes ] && [ "$MEMORY" -gt "$MEMORY_BUDGET" ]; then
    log warn "A fresh nginx holds more than its budget: the container's limit is too small for these rules" held_bytes "$MEMORY" budget_bytes "$MEMORY_BUDGET"
  fi
  FRESH=no
}

# tend_memory: every few seconds; looks after a reload or an exchange, else once a minute. Not while workers of an earlier configuration
# still end: theirs comes back by itself, and soon, unless reloads follow each other closely.
tend_memory() {
  LOOKS=$((LOOKS + 1))
  [ "$LOOKS" -gt 0 ] || return 0
  if [ "$(nginxes | wc -l)" -gt $((WORKERS + 1)) ] && [ "$LOOKS" -lt 12 ]; then return 0; fi
  look
  if [ "$MEMORY" -le "$MEMORY_BUDGET" ] || [ "$RELOADS_OF_MASTER" = 0 ]; then
    LOOKS=-12
    return 0
  fi
  read -r _up _ < /proc/uptime
  _up=${_up%.*}
  [ $((_up - RECYCLED)) -ge "$RECYCLE_WAIT" ] || return 0
  RECYCLED=$_up _others=$(nginxes)
  if recycle; then
    RECYCLES_DONE=$((RECYCLES_DONE + 1)) RECYCLE_WAIT=$RECYCLE_SECONDS LOOKS=0 FRESH=yes
    log info "nginx held more than its budget and was exchanged" held_bytes "$MEMORY" budget_bytes "$MEMORY_BUDGET"
  else
    # Twice as long each time: what failed once may fail again.
    RECYCLES_FAILED=$((RECYCLES_FAILED + 1)) RECYCLE_WAIT=$((RECYCLE_WAIT * 2 + RECYCLE_SECONDS))
    [ "$RECYCLE_WAIT" -le 3600 ] || RECYCLE_WAIT=3600
    log error "Cannot exchange nginx: it goes on as it is" held_bytes "$MEMORY" budget_bytes "$MEMORY_BUDGET"
  fi
  report "$LAST_WANTED" "$STATE_WORD" "$LAST_REASON" "$LAST_DETAIL"
}

# end_young OLD BEFORE: each nginx that came since BEFORE (as nginxes says it) and is no worker of OLD, until none is left: a new master
# that came up too late would serve the rules of today for ever, beside the old one.
end_young() {
  _found=yes
  while [ -n "$_found" ]; do
    _found=$(nginxes | while read -r _pid _parent; do
      if printf '%s\n' "$2" | grep -q "^$_pid "; then continue; fi
      if [ "$_parent" = "$1" ] && grep -q '^nginx: worker' "/proc/$_pid/cmdline" 2> /dev/null; then continue; fi
      kill -KILL "$_pid" 2> /dev/null && echo "$_pid"
    done)
    [ -z "$_found" ] || sleep 0.1
  done
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
      end_young "$_old" "$_others"
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
