# shellcheck shell=sh disable=SC2034
# Whose word counts: which keys hold, for whom something was signed, and that nothing older comes back. What was believed last is kept in
# waf/highest, so that a restart forgets none of it:
#
#     bundle 1795600012 crs-4.25.0-0123456789abcdef       sequence and name of the last signed rule set that was served
#     orders 1795600013 0123456789abcdef block 0          sequence, id, mode and end of the break-glass of the last orders
#     key 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=    what that rule set's manifest carried
#
# Keys of the environment always hold; those of an earlier manifest hold until a later one carries others, and so does the key that signed
# what is served: else a restart could not believe it again.

HIGHEST=$STATE/highest
HIGHEST_SEQUENCE=0 HIGHEST_GENERATION='' CARRIED_KEYS=''
ORDERS_SEQUENCE=0 ORDERS_ID='' ORDERS_MODE=own BREAK_GLASS=0

# read_highest: once, at the start.
read_highest() {
  [ -f "$HIGHEST" ] || return 0
  if grep -qvxE 'bundle [1-9][0-9]{0,15} [a-z0-9][a-z0-9.-]{0,63}|orders [1-9][0-9]{0,15} [0-9a-f]{16} (block|detect|own) [0-9]{1,16}|key [A-Za-z0-9+/]{43}=' "$HIGHEST"; then
    log error "Cannot read what was believed last: it is not in its form, and what comes next is believed anew" path "$HIGHEST"
    return 0
  fi
  while read -r _word _first _second _third _fourth; do
    case $_word in
      bundle) HIGHEST_SEQUENCE=$_first HIGHEST_GENERATION=$_second ;;
      orders) ORDERS_SEQUENCE=$_first ORDERS_ID=$_second ORDERS_MODE=$_third BREAK_GLASS=$_fourth ;;
      key) CARRIED_KEYS="$CARRIED_KEYS $_first" ;;
    esac
  done < "$HIGHEST"
}

# write_highest: 1 where the volume is full.
write_highest() {
  {
    if [ "$HIGHEST_SEQUENCE" -gt 0 ]; then printf 'bundle %s %s\n' "$HIGHEST_SEQUENCE" "$HIGHEST_GENERATION"; fi
    if [ "$ORDERS_SEQUENCE" -gt 0 ]; then printf 'orders %s %s %s %s\n' "$ORDERS_SEQUENCE" "$ORDERS_ID" "$ORDERS_MODE" "$BREAK_GLASS"; fi
    for _carried in $CARRIED_KEYS; do printf 'key %s\n' "$_carried"; done
  } | replace "$HIGHEST" && return
  refuse CannotWrite "$HIGHEST"
  return 1
}

# remember GENERATION SEQUENCE: a rule set is served, so nothing older is from now on, and the keys it carries hold. Nothing changes where
# that cannot be written down.
remember() {
  [ "$2" -gt 0 ] || return 0
  _was="$HIGHEST_SEQUENCE $HIGHEST_GENERATION" _keys_were=$CARRIED_KEYS
  HIGHEST_SEQUENCE=$2 HIGHEST_GENERATION=$1
  _carried=$(sed -n 's/^key //p' "$RULESETS/$1/manifest" | tr '\n' ' ')
  if [ -n "$_carried" ]; then CARRIED_KEYS=$_carried; fi
  case " $RULES_KEYS $CARRIED_KEYS " in *" $BUNDLE_SIGNER "*) ;; *) CARRIED_KEYS="$CARRIED_KEYS$BUNDLE_SIGNER " ;; esac
  if [ "$_was $_keys_were" = "$2 $1 $CARRIED_KEYS" ] || write_highest; then return 0; fi
  HIGHEST_SEQUENCE=${_was%% *} HIGHEST_GENERATION=${_was#* } CARRIED_KEYS=$_keys_were
  return 1
}

# signed FILE SIGNATURE: whether one of the keys that hold signed the bytes of FILE; SIGNER is which.
signed() {
  if [ -z "$RULES_KEYS" ]; then
    refuse NoKeys "SEKISHO_RULES_KEYS is empty"
    return 1
  fi
  if [ ! -f "$2" ] || [ -L "$2" ] || [ "$(wc -c < "$2")" -ne 64 ]; then
    refuse BadSignature "${2#"$RUN/"} is not there, or is not of 64 bytes"
    return 1
  fi
  for _raw in $RULES_KEYS $CARRIED_KEYS; do
    # The prefix makes a key in PEM of the 32 raw bytes.
    if printf '%s\n' '-----BEGIN PUBLIC KEY-----' "MCowBQYDK2VwAyEA$_raw" '-----END PUBLIC KEY-----' |
      openssl pkeyutl -verify -rawin -pubin -inkey /dev/stdin -in "$1" -sigfile "$2" > /dev/null 2>&1; then
      SIGNER=$_raw
      return 0
    fi
  done
  refuse BadSignature "none of the keys that hold signed ${1#"$RUN/"}"
  return 1
}

# for_us NAMESPACE
for_us() {
  [ "$1" = "$POD_NAMESPACE" ] && return
  refuse WrongNamespace "it is for '$1', this Pod is in '$POD_NAMESPACE'"
  return 1
}

# not_older SEQUENCE NAME HIGHEST-SEQUENCE HIGHEST-NAME: the same sequence is only ever that of the same thing.
not_older() {
  if [ "$1" -gt "$3" ]; then return 0; fi
  if [ "$1" -eq "$3" ] && [ "$2" = "$4" ]; then return 0; fi
  refuse LowerSequence "its sequence is $1, the highest seen $3 of $4"
  return 1
}

# believe GENERATION: after verify_content.
believe() {
  if [ "$BUNDLE_VERSION" = 2 ]; then
    signed "$RULESETS/$1/manifest" "$RULESETS/$1/manifest.sig" || return 1
    BUNDLE_SIGNER=$SIGNER
    for_us "$BUNDLE_NAMESPACE" && not_older "$BUNDLE_SEQUENCE" "$1" "$HIGHEST_SEQUENCE" "$HIGHEST_GENERATION"
    return
  fi
  if [ -z "$RULES_KEYS" ]; then return 0; fi
  if [ "$HIGHEST_SEQUENCE" -gt 0 ]; then
    refuse NotSigned "signed rule sets were served before, up to sequence $HIGHEST_SEQUENCE"
    return 1
  fi
  as_in_image "$1"
}

# as_in_image GENERATION: the baseline with nothing but a namespace's own rules, which are judged here as the updater did.
as_in_image() {
  _image=$(cd "$BASELINE" && sha256sum -- *.conf *.data | sort -k2)
  if [ "$(sums "$1" | grep -v '  custom-' | sort -k2)" != "$_image" ]; then
    refuse NotSigned "its files are not those of the image"
    return 1
  fi
  _own=$STATE/own.$$
  rm -rf "$_own"
  _verdict=0
  if sums "$1" | grep -q '  custom-'; then
    if ! mkdir "$_own" || ! cp "$RULESETS/$1"/custom-*.conf "$_own"/; then
      refuse CannotWrite "$_own"
      _verdict=1
    elif ! _refusals=$(cd "$_own" && lint_custom .); then
      refuse CustomRefused "$(printf '%s' "$_refusals" | head -n 3 | tr '\n' ' ')"
      _verdict=1
    fi
  fi
  rm -rf "$_own"
  return "$_verdict"
}

# verify_bundle GENERATION: the one place where a rule set is believed. BUNDLE_ADDRESS is the same for all that differ only in what they are
# signed for: namespace, sequence, keys.
verify_bundle() {
  BUNDLE_ADDRESS=''
  verify_content "$1" && believe "$1" || return 1
  [ "$BUNDLE_VERSION" = 1 ] ||
    BUNDLE_ADDRESS=$(grep -vE '^(namespace|sequence|rollback|key) |  ca\.crt$' "$RULESETS/$1/manifest" | sha256sum)
}
