# shellcheck shell=sh disable=SC2034
# A rule set on disk, rulesets/GENERATION/: rule and data files, flat, and a manifest that names them all.
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
    if (verify_bundle "$_generation"); then
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

# verify_bundle GENERATION: sets BUNDLE_CRS and BUNDLE_RULES, or REASON and DETAIL and fails. The one place where a rule set is believed.
verify_bundle() {
  _folder=$RULESETS/$1
  BUNDLE_CRS='' BUNDLE_RULES=''
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
  if ! _bad=$(awk '
    NR == 1 && $0 != "sekisho-manifest 1" { bad = "line 1 is not \"sekisho-manifest 1\"" }
    NR == 2 && $0 !~ /^crs [0-9][0-9.]*$/ { bad = "line 2 is not \"crs VERSION\"" }
    NR == 3 && $0 !~ /^rules [1-9][0-9]*$/ { bad = "line 3 is not \"rules NUMBER\"" }
    NR > 3 && ($0 !~ /^[0-9a-f]+  [A-Za-z0-9][A-Za-z0-9._-]*$/ || length($1) != 64) { bad = "line " NR " is not \"SHA256  NAME\"" }
    NR > 3 && $2 !~ /^(custom-.*|REQUEST-.*|RESPONSE-.*)\.conf$/ && $2 !~ /\.data$/ { bad = "line " NR " names neither rules nor data" }
    NR > 3 && seen[$2]++ { bad = "line " NR " names a file again" }
    bad { exit }
    END { if (!bad && NR < 4) bad = "it names no file"; print bad; exit bad != "" }
  ' "$_folder/manifest"); then
    refuse ManifestInvalid "rulesets/$1/manifest: $_bad"
    return 1
  fi
  _listed=$(sed 1,3d "$_folder/manifest" | cut -c67- | sort)
  _there=$(find "$_folder" -mindepth 1 ! -path "$_folder/manifest" -printf '%y %P\n' | sed 's/^f //' | sort)
  if [ "$_listed" != "$_there" ]; then
    refuse FilesUnlisted "the files of rulesets/$1 are not those of its manifest"
    return 1
  fi
  if ! _bad=$(cd "$_folder" && sed 1,3d manifest | sha256sum -c --strict --quiet - 2>&1); then
    refuse FilesDiffer "$(printf '%s' "$_bad" | head -n 3 | tr '\n' ' ')"
    return 1
  fi
  BUNDLE_CRS=$(sed -n 's/^crs //p;2q' "$_folder/manifest")
  BUNDLE_RULES=$(sed -n 's/^rules //p;3q' "$_folder/manifest")
}

# refuse REASON DETAIL: what a judgement failed on. REASON is a code of reasons.tsv.
refuse() {
  REASON=$1 DETAIL=$2
}
