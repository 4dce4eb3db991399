# shellcheck shell=sh disable=SC2034
# When the next poll is due. The service says how often; when it fails, the wait doubles, always spread by chance, so that thousands of
# Pods that lost it at one moment do not come back at one.

# Until the service says otherwise, and the longest wait while it fails; seconds.
INTERVAL=30 JITTER=10 LONGEST_BACKOFF=300
FAULTS=0 BACKOFF=0 NEXT=0 ASKED=0

# clock: NOW, seconds of the machine's own clock, which nobody sets. No process is started for it.
clock() {
  read -r NOW _ < /proc/uptime
  NOW=${NOW%%.*}
}

# between LOWEST HIGHEST: AFTER, a random number of seconds.
between() {
  AFTER=$(($1 + $(od -An -N4 -tu4 /dev/urandom) % ($2 - $1 + 1)))
}

# take_pace INTERVAL JITTER: what the service said, within 1 to 3600 s.
take_pace() {
  ASKED=0
  case $1 in '' | *[!0-9]*) return 0 ;; esac
  INTERVAL=$(bounded "$1" 1 3600) ASKED=$INTERVAL
  case $2 in
    '' | *[!0-9]*) JITTER=$((INTERVAL / 3)) ;;
    *) JITTER=$(bounded "$2" 0 "$INTERVAL") ;;
  esac
}

# bounded DIGITS LOWEST HIGHEST. Zeros in front would mean octal.
bounded() {
  _digits=$1
  while :; do case $_digits in 0?*) _digits=${_digits#0} ;; *) break ;; esac done
  [ ${#_digits} -le 9 ] || _digits=$3
  if [ "$_digits" -lt "$2" ]; then _digits=$2; elif [ "$_digits" -gt "$3" ]; then _digits=$3; fi
  printf '%s' "$_digits"
}

# due_as_told: the next poll after an answer.
due_as_told() {
  FAULTS=0 BACKOFF=0
  between $((INTERVAL - JITTER)) "$INTERVAL"
  NEXT=$((NOW + AFTER))
}

# due_after_fault FIRST: the next poll after a failure. FIRST is the wait after the first of them.
due_after_fault() {
  FAULTS=$((FAULTS + 1))
  if [ "$BACKOFF" = 0 ]; then BACKOFF=$1; else BACKOFF=$((BACKOFF * 2)); fi
  [ "$BACKOFF" -le "$LONGEST_BACKOFF" ] || BACKOFF=$LONGEST_BACKOFF
  # An answer that says no may still say how often it wants to be asked.
  [ "$BACKOFF" -ge "$ASKED" ] || BACKOFF=$ASKED
  between $(((BACKOFF + 1) / 2)) "$BACKOFF"
  NEXT=$((NOW + AFTER))
}

# due_soon: what changed is told within seconds.
due_soon() {
  [ "$FAULTS" = 0 ] || return 0
  between 1 3
  if [ $((NOW + AFTER)) -lt "$NEXT" ]; then NEXT=$((NOW + AFTER)); fi
}
