# shellcheck shell=sh disable=SC2034
# The namespace's own rules: the files *.conf of a folder (a ConfigMap mounted optionally), judged before they become part of a rule set.

CUSTOM=/etc/sekisho/custom
# What became of them, for people and for the report of what a Pod runs.
CUSTOM_STATUS=$RUN/custom.json
# All files together. lint.awk bounds the number of rules.
CUSTOM_BYTES=262144

# fingerprint: changes when the folder's content does, at the price of one process. A mounted ConfigMap is switched by its link ..data.
fingerprint() {
  if [ -L "$CUSTOM/..data" ]; then
    readlink "$CUSTOM/..data"
  elif [ -d "$CUSTOM" ]; then
    ls -lAL --time-style=full-iso "$CUSTOM" 2> /dev/null
  fi
}

# take_custom FOLDER: copies the files to judge and to use, so that both are of the same bytes. 1 where there are none, 2 where it fails.
take_custom() {
  rm -rf "$1"
  mkdir -p "$1" || return 2
  _none=1
  # Behind the link and not by the names beside it, which the kubelet makes a moment after it has switched the link.
  _from=$CUSTOM
  [ ! -L "$CUSTOM/..data" ] || _from=$CUSTOM/..data
  for _file in "$_from"/*.conf; do
    [ -f "$_file" ] || continue
    _none=0
    cp -L "$_file" "$1/" || return 2
  done
  return "$_none"
}

# lint_custom FOLDER: prints what is refused, a line each, and fails if there is any.
lint_custom() {
  _bytes=$(cat "$1"/*.conf | wc -c)
  if [ "$_bytes" -gt "$CUSTOM_BYTES" ]; then
    printf 'all files: %s bytes, more than %s: take rules out, or write one with alternatives\n' "$_bytes" "$CUSTOM_BYTES"
    return 1
  fi
  _patterns=$1/.patterns
  : > "$_patterns"
  _lint=0
  awk -v regexes="$_patterns" -f "$LIB/lint.awk" "$1"/*.conf || _lint=1
  # The engine takes a pattern that does not compile in silence, and never matches it. grep compiles with the same library.
  while IFS='	' read -r _where _pattern; do
    # The variable is a pattern: it must not be quoted by printf or the shell.
    if _error=$(printf '' | grep -Pe "$_pattern" 2>&1) || [ $? = 1 ]; then continue; fi
    printf '%s: the pattern of @rx does not compile: %s\n' "$_where" "${_error#grep: }"
    _lint=1
  done < "$_patterns"
  return "$_lint"
}

# report_custom STATE GENERATION REFUSALS
report_custom() {
  printf '%s' "$3" | jq -Rsc --arg state "$1" --arg generation "$2" --arg time "$(date -u +%Y-%m-%dT%H:%M:%SZ)" '
    { state: $state, generation: $generation, refusals: (split("\n") | map(select(. != ""))[:50] | map(.[:300])), time: $time }
  ' | replace "$CUSTOM_STATUS" || log error "Cannot write custom.json: the volume is full"
  printf '%s\n' "$3" | head -n 50 | while IFS= read -r _refusal; do
    [ -z "$_refusal" ] || log error "A custom rule is refused; the rules before it stay" refusal "$_refusal"
  done
}
