# shellcheck shell=sh disable=SC2034
# A rule set on disk, rulesets/GENERATION/: rule and data files, flat, and a manifest that names them all. The baseline of the image with
# a namespace's own rules has version 1; what `sekisho rules` compiles and signs has version 2, docs/reference/rule-bundle.md.
#
#     sekisho-manifest 1
#     crs 4.25.0
#     rules 779
#     <sha256>  REQUEST-901-INITIALIZATION.conf
#     …
#
# GENERATION is crs-VERSION-X, X being the first 16 digits of the manifest's own sha256: a name stands for one content, for ever.
# Rules are included in the order custom-*.conf, REQUEST-*.conf, RESPONSE-*.conf; `rules` is what the engine must count in them.

# build_bundle CUSTOM: places the baseline with the rules of the folder CUSTOM (none where it is empty) and prints the generation.
build_bundle() {
  # Both containers have a PID 1.
  _new=$RULESETS/.new.$COMPONENT.$$
  rm -rf "$_new"
  if _generation=$(fill_bundle "$1" "$_new"); then
    # The same name is the same content, unless the one that is there was damaged.
    if (verify_content "$_generation"); then
      rm -rf "$_new"
    else
      rm -rf "${RULESETS:?}/$_generation"
      if ! mv -T "$_new" "$RULESETS/$_generation"; then
        rm -rf "$_new"
        return 1
      fi
    fi
    printf '%s\n' "$_generation"
    return 0
  fi
  rm -rf "$_new"
  return 1
}

fill_bundle() {
  mkdir -p "$RULESETS" && mkdir "$2" && cp "$BASELINE"/*.conf "$BASELINE"/*.data "$2"/ || return 1
  if [ -n "$1" ]; then
    for _file in "$1"/*.conf; do
      [ -e "$_file" ] || continue
      cp "$_file" "$2/custom-${_file##*/}" || return 1
    done
  fi
  read -r _crs < "$BASELINE/VERSION" || return 1
  _rules=$(awk -f "$LIB/count.awk" "$2"/*.conf) || return 1
  _sums=$(cd "$2" && sha256sum -- *) || return 1
  printf 'sekisho-manifest 1\ncrs %s\nrules %s\n%s\n' "$_crs" "$_rules" "$_sums" > "$2/manifest" || return 1
  _sum=$(sha256sum < "$2/manifest") || return 1
  printf 'crs-%s-%.16s' "$_crs" "$_sum"
}

# sums GENERATION: the lines of its manifest that name files, as sha256sum -c reads them. No other line begins with 64 digits.
sums() {
  sed -n '/^[0-9a-f]\{64\}  /p' "$RULESETS/$1/manifest"
}

# verify_content GENERATION: the manifest is the one that the name stands for, and the files are those of the manifest. Sets BUNDLE_… , or
# REASON and DETAIL and fails. Whose word the manifest is, is not asked here: believe (trust.sh) does.
verify_content() {
  _folder=$RULESETS/$1
  BUNDLE_VERSION='' BUNDLE_CRS='' BUNDLE_RULES='' BUNDLE_NAMESPACE='' BUNDLE_SEQUENCE=0 BUNDLE_BODY_LIMIT='' BUNDLE_FIELDS_LIMIT=''
  if [ -L "$_folder" ] || [ ! -d "$_folder" ]; then
    refuse RuleSetMissing "rulesets/$1 is not there"
    return 1
  fi
  if [ ! -f "$_folder/manifest" ] || [ -L "$_folder/manifest" ]; then
    refuse ManifestMissing "rulesets/$1/manifest is not there"
    return 1
  fi
  _sum=$( { sha256sum < "$_folder/manifest"; } 2> /dev/null) || _sum=unreadable
  case $1 in
    *-"$(printf '%.16s' "$_sum")") ;;
    *)
      refuse ManifestForged "the manifest's sha256 begins with $(printf '%.16s' "$_sum"), the generation ends otherwise"
      return 1
      ;;
  esac
  if ! _bad=$(awk -v bytes="$(wc -c < "$_folder/manifest")" -f "$LIB/manifest.awk" "$_folder/manifest"); then
    refuse ManifestInvalid "rulesets/$1/manifest: $_bad"
    return 1
  fi
  _listed=$(sums "$1" | cut -c67- | sort)
  _beside=manifest
  IFS=' ' read -r _ BUNDLE_VERSION < "$_folder/manifest"
  [ "$BUNDLE_VERSION" = 1 ] || _beside=manifest.sig
  _there=$(find "$_folder" -mindepth 1 ! -path "$_folder/manifest" ! -path "$_folder/$_beside" -printf '%y %P\n' | sed 's/^f //' | sort)
  if [ "$_listed" != "$_there" ]; then
    refuse FilesUnlisted "the files of rulesets/$1 are not those of its manifest"
    return 1
  fi
  if ! _bad=$(sums "$1" | (cd "$_folder" && sha256sum -c --strict --quiet - 2>&1)); then
    refuse FilesDiffer "$(printf '%s' "$_bad" | head -n 3 | tr '\n' ' ')"
    return 1
  fi
  while read -r _word _value; do
    case $_word in
      crs) BUNDLE_CRS=$_value ;;
      rules) BUNDLE_RULES=$_value ;;
      namespace) BUNDLE_NAMESPACE=$_value ;;
      sequence) BUNDLE_SEQUENCE=$_value ;;
      body-limit) BUNDLE_BODY_LIMIT=$_value ;;
      fields-limit) BUNDLE_FIELDS_LIMIT=$_value ;;
      ????????????????????????????????????????????????????????????????) break ;;
    esac
  done < "$_folder/manifest"
}

# refuse REASON DETAIL: what a judgement failed on. REASON is a code of reasons.tsv.
refuse() {
  REASON=$1 DETAIL=$2
}
