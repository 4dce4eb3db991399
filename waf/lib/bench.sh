# shellcheck shell=sh
# The service's bench: a WAF without an updater beside it, where `sekisho rules` places candidates and asks for them by the same FIFO. What
# was tried is taken away here, so that only what is wanted and the last good one remain.

# What was asked for before, and is not needed once something else is.
TRIED=''

# collect_tried LINE: after it was tried.
collect_tried() {
  is_generation "$1" || return 0
  _active=$(target "$ACTIVE") _good=$(target "$LAST_GOOD")
  for _folder in $TRIED; do
    case $_folder in
      "$1" | "$_active" | "$_good") ;;
      *) rm -rf "${RULESETS:?}/$_folder" ;;
    esac
  done
  TRIED="$1 $_active $_good"
  [ "$_active" != "$1" ] || collect_left
}

# collect_left: at the start, and when a candidate is served. What is signed below the highest sequence can never be served again.
collect_left() {
  _active=$(target "$ACTIVE") _good=$(target "$LAST_GOOD")
  for _folder in "$RULESETS"/crs-*; do
    case ${_folder##*/} in "$_active" | "$_good" | 'crs-*') continue ;; esac
    _sequence=$(sed -n 's/^sequence \([0-9]\{1,16\}\)$/\1/p;5q' "$_folder/manifest" 2> /dev/null)
    [ "${_sequence:-0}" -ge "$HIGHEST_SEQUENCE" ] || rm -rf "$_folder"
  done
}
