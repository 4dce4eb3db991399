# shellcheck shell=sh disable=SC2034
# From what the service announced to rulesets/GENERATION/, whole or not at all. The WAF believes a rule set only for its signature; here it
# is held to a form that can harm no file system: few, small, regular files with plain names.

# Beside the sets that are placed; removed before each use and at each start.
STAGE=$RULESETS/.fetch
UNPACKED_BYTES=8388608 UNPACKED_FILES=500

# fetch_bundle GENERATION SHA256 BYTES: 1 where it could not be had, 2 where it is not what was announced, 3 where its content can never be
# placed; REASON and DETAIL say why.
fetch_bundle() {
  REASON=BundleInvalid DETAIL=''
  # shellcheck disable=SC2153 # set in request.sh
  if [ "$3" -gt "$PACKED_BYTES" ]; then
    DETAIL="it is announced with $3 bytes, more than $PACKED_BYTES"
    return 3
  fi
  rm -rf "$STAGE"
  if ! mkdir -p "$STAGE/set"; then
    REASON=CannotWrite DETAIL=$RULESETS
    return 1
  fi
  _fetched=$(request "/v1/waf/bundles/$1" "$PACKED_SECONDS" "$3" "$STAGE/packed")
  _code=$?
  _last=${_fetched##*
}
  if [ "$_code" = 23 ]; then
    REASON=CannotWrite DETAIL=$RULESETS
    return 1
  fi
  if [ "$_code" = 63 ]; then
    DETAIL="more came than the $3 bytes that were announced"
    return 2
  fi
  if [ "$_code" != 0 ] || [ "${_last%%|*}" != 200 ]; then
    REASON='' DETAIL=$_last
    return 1
  fi
  _bytes=$(wc -c < "$STAGE/packed")
  _sum=$(sha256sum < "$STAGE/packed")
  if [ "$_bytes" != "$3" ] || [ "${_sum%% *}" != "$2" ]; then
    DETAIL="$_bytes bytes came with the sha256 ${_sum%% *}, announced were $3 with $2"
    return 2
  fi
  unpack || return $?
  if ! mv -T "$STAGE/set" "$RULESETS/$1"; then
    REASON=CannotWrite DETAIL=$RULESETS
    return 1
  fi
  rm -rf "$STAGE"
}

# stream: the archive, and of a bomb no more than may be.
stream() {
  gzip -dc < "$STAGE/packed" 2> /dev/null | head -c $((UNPACKED_BYTES + 1024 * UNPACKED_FILES))
}

# unpack: $STAGE/packed to $STAGE/set. Every entry is judged before the first is written.
unpack() {
  if ! DETAIL=$(stream | tar -tvf - --numeric-owner --quoting-style=escape 2>&1 | head -n $((UNPACKED_FILES + 1)) |
    awk -v files="$UNPACKED_FILES" -v bytes="$UNPACKED_BYTES" -f "$LIB/entries.awk"); then
    return 3
  fi
  if ! DETAIL=$(stream | tar -xf - -C "$STAGE/set" --no-same-owner --no-same-permissions --keep-old-files 2>&1); then
    case $DETAIL in *'No space left'* | *'Cannot write'* | *quota*) REASON=CannotWrite ;; esac
    DETAIL=$(printf '%.300s' "$DETAIL")
    [ "$REASON" = CannotWrite ] && return 1
    return 3
  fi
  find "$STAGE/set" -type f -exec chmod 0640 {} +
  _odd=$(find "$STAGE/set" -mindepth 1 \( ! -type f -o -links +1 -o -path "$STAGE/set/*/*" \) -print -quit)
  if [ -n "$_odd" ]; then
    DETAIL="not a regular file: ${_odd##*/}"
    return 3
  fi
}

# place_orders TEXT SIGNATURE, in base64: ORDERS_ID names what the WAF should follow. 1 where the disk is full.
place_orders() {
  if [ "$(base64 -w0 "$ORDERS" 2> /dev/null)" != "$1" ] || [ "$(base64 -w0 "$ORDERS.sig" 2> /dev/null)" != "$2" ]; then
    _text=$RUN/.orders.$$
    # Decoded before it takes a place: what is no base64 never becomes a part of it.
    if ! printf '%s' "$1" | base64 -d > "$_text.new" 2> /dev/null || ! printf '%s' "$2" | base64 -d > "$_text.sig.new" 2> /dev/null ||
      ! mv -f "$_text.sig.new" "$ORDERS.sig" || ! mv -f "$_text.new" "$ORDERS"; then
      rm -f "$_text.new" "$_text.sig.new"
      return 1
    fi
    log info "Orders placed" orders "$(tr '\n' ' ' < "$ORDERS" | head -c 300)"
  fi
  know_orders
}

# know_orders: the id of the orders that are there; asked for anew where it is another.
know_orders() {
  _sum=$( { sha256sum < "$ORDERS"; } 2> /dev/null) || _sum=''
  _id=$(printf '%.16s' "$_sum")
  if [ "$_id" != "$ORDERS_ID" ]; then ORDERS_ID=$_id ORDERS_WAIT=$FIRST_WAIT ORDERS_KICKED=-$LONGEST_WAIT; fi
}
