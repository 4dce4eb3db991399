# shellcheck shell=sh disable=SC2034
# What both sidecars share: where things lie, how they log, how a file is replaced.

# The volume sekisho-run, in both containers.
RUN=/run/sekisho
RULESETS=$RUN/rulesets
FIFO=$RUN/reload.fifo
STATUS=$RUN/status.json
# Links to a generation: what is served, what last passed all its probes. A file: what the updater wants served.
ACTIVE=$RUN/active
LAST_GOOD=$RUN/last-good
WANTED=$RUN/wanted
# sekisho-waf's own.
STATE=$RUN/waf
# The image's.
SHARE=/usr/local/share/sekisho
BASELINE=$SHARE/baseline

# Other users of the volume have no business in it, and awk, sort and tr mean bytes.
umask 027
export LC_ALL=C

# log LEVEL MESSAGE [NAME VALUE]…: one JSON line on stderr. Values may hold anything.
log() {
  _level=$1 _message=$2
  shift 2
  jq -cn --arg level "$_level" --arg component "${COMPONENT:-}" --arg message "$_message" '
    { type: "log", time: (now | floor), level: $level, component: $component, message: $message }
    + ($ARGS.positional | [range(0; length; 2) as $i | { (.[$i]): (.[$i + 1] // "")[:1000] }] | add // {})
  ' --args -- "$@" >&2
}

# replace FILE: stdin becomes FILE's content whole or not at all.
replace() {
  if cat > "$1.new.$$" && mv -f "$1.new.$$" "$1"; then return 0; fi
  rm -f "$1.new.$$"
  return 1
}

# point LINK TARGET: switches a link in one step.
point() {
  ln -s "$2" "$1.new.$$" && mv -fT "$1.new.$$" "$1"
}

# is_generation NAME: whether it can be the name of a rule set. Nothing else ever becomes part of a path.
is_generation() {
  case $1 in
    '' | [!a-z0-9]* | *[!a-z0-9.-]* | *..*) return 1 ;;
  esac
  [ ${#1} -le 64 ]
}

# target LINK: the generation a link names; empty without one.
target() {
  _target=$(readlink "$1" 2> /dev/null) || return 0
  _target=${_target##*/}
  if is_generation "$_target"; then printf '%s' "$_target"; fi
}
