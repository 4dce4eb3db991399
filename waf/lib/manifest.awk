# The form of a manifest, line by line: prints what is wrong with it and fails, or says nothing. `bytes` is the size of the file: a last
# line without its end, or a byte that awk does not show, makes it differ from what was read here.
# docs/reference/rule-bundle.md has version 2; version 1 has only `crs`, `rules` and the files.
function wrong(text) {
  print text
  failed = 1
  exit 1
}
function wants(form) {
  wrong("line " NR " is not \"" form "\"")
}
function number(text, lowest, highest) {
  return text ~ /^(0|[1-9][0-9]*)$/ && length(text) <= 16 && text + 0 >= lowest && text + 0 <= highest
}
function file(    name) {
  name = substr($0, 67)
  if (length($1) != 64 || $1 !~ /^[0-9a-f]+$/ || substr($0, 65, 2) != "  " || name !~ /^[A-Za-z0-9][A-Za-z0-9._-]*$/) wants("SHA256  NAME")
  if (name !~ /^(custom-.*|REQUEST-.*|RESPONSE-.*)\.conf$/ && name !~ /\.data$/ && !(version == 2 && name == "ca.crt"))
    wrong("line " NR " names neither rules nor data")
  if (seen[name]++) wrong("line " NR " names a file again")
  if (version == 2 && files && name < last) wrong("line " NR " is not in the order of names")
  last = name
  files++
}
{ read += length($0) + 1 }
NR == 1 {
  if ($0 != "sekisho-manifest 1" && $0 != "sekisho-manifest 2") wants("sekisho-manifest 1\" or \"sekisho-manifest 2")
  version = $2 + 0
  next
}
NR == 2 { if ($0 !~ /^crs [0-9][0-9.]*$/ || length($0) > 36) wants("crs VERSION"); next }
NR == 3 { if ($0 != "rules " $2 || !number($2, 1, 999999999)) wants("rules NUMBER"); next }
version == 1 { file(); next }
NR == 4 { if ($0 !~ /^namespace [a-z0-9]([a-z0-9-]*[a-z0-9])?$/ || length($2) > 63) wants("namespace NAME"); next }
NR == 5 { if ($0 != "sequence " $2 || !number($2, 1, 9999999999999999)) wants("sequence NUMBER"); next }
NR == 6 { if ($0 != "rollback yes" && $0 != "rollback no") wants("rollback yes\" or \"rollback no"); next }
NR == 7 { if ($0 != "body-limit " $2 || !number($2, 1024, 1073741824)) wants("body-limit BYTES"); body = $2; next }
NR == 8 { if ($0 != "fields-limit " $2 || !number($2, 1024, body)) wants("fields-limit BYTES"); next }
/^only-from / && !keys && !files {
  if ($0 !~ /^only-from [0-9a-f.:]+\/[0-9]+$/ || length($0) > 64) wants("only-from CIDR")
  next
}
/^key / && !files {
  if ($0 !~ /^key [A-Za-z0-9+\/]+=$/ || length($2) != 44 || ++keys > 16) wants("key BASE64")
  next
}
{ file() }
END {
  if (failed) exit 1
  if (NR == 0) wrong("it is empty")
  if (read != bytes) wrong("it does not end with a line's end, or holds bytes that are no text")
  if (!files) wrong("it names no file")
}
