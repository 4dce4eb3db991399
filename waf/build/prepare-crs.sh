#!/bin/sh
# Turns an archive of the OWASP Core Rule Set into the baseline of the image.
#
#     prepare-crs.sh ARCHIVE TARGET
#
# TARGET gets the rule and data files, flat, and two one-line files: VERSION (of the rule set) and RULES (how many rules the engine
# must report for it). What is changed, and why no verdict changes with it, stands in prepare-crs.awk.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
archive=$1 target=$2

fail() {
  echo "prepare-crs: $*" >&2
  exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xf "$archive" -C "$work" || fail "cannot unpack '$archive'"
first=$(find "$work" -type f -name REQUEST-901-INITIALIZATION.conf | head -n 1)
[ -n "$first" ] || fail "'$archive' holds no REQUEST-901-INITIALIZATION.conf: is it a release of the OWASP CRS?"
rules=$(dirname "$first")

version=$(sed -n 's|^SecComponentSignature "OWASP_CRS/\([0-9][0-9.]*\)[^0-9.]*"$|\1|p' "$first")
[ -n "$version" ] || fail "REQUEST-901-INITIALIZATION.conf says no version"
case $version in
  4.*) ;;
  *) fail "version $version: only CRS 4 is supported" ;;
esac

mkdir -p "$target"
cp "$rules"/*.data "$target"/
# Twice over the same files: the first reading finds the rules that 941010 concerns.
awk -v target="$target" -f "$here/prepare-crs.awk" pass=1 "$rules"/*.conf pass=2 "$rules"/*.conf

left=$(cat "$target"/*.conf | awk '!/^[ \t]*#/' | grep -c 'ruleRemoveTargetByTag=xss-perf-disable' || true)
[ "$left" = 0 ] || fail "rule 941010 was not rewritten"
if grep -lE '^SecRule RESPONSE_BODY ' "$target"/*.conf >&2; then fail "rules on RESPONSE_BODY are left in these files"; fi
if grep -hE '^SecRule [^ ]*XML:/[*]' "$target"/*.conf | grep -vE '^SecRule [^ ]*XML://@[*]' >&2; then
  fail "these rules look at the text of an XML document and not at its attributes"
fi

printf '%s\n' "$version" > "$target/VERSION"
awk -f "$here/../lib/count.awk" "$target"/*.conf > "$target/RULES"
