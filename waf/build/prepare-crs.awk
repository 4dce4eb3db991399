# Three changes to the rules of the OWASP CRS, the first two without effect on any verdict:
#
# 1. Rules on RESPONSE_BODY are dropped, with the rules chained to them. Response bodies are not read (SecResponseBodyAccess Off), so
#    they can never match; loaded, they take 16 MiB of each process.
# 2. Rule 941010 takes REQUEST_FILENAME out of the rules with the tag xss-perf-disable on every plain path, by tag: the engine then
#    expands and compares all tags of every rule for every value, a quarter of all CPU. The same by id costs next to nothing. The ids
#    are those of the tagged rules that look at REQUEST_FILENAME.
# 3. Rules on the text of an XML document (XML:/*) are given its attributes too (XML://@*): of most rules only the text is compared, so
#    that an attack in an attribute would pass.
#
# A rule is all lines up to one that does not end in a backslash.
function flush_rule(    id) {
  if (pass == 1) {
    if (rule ~ /tag:'xss-perf-disable'/ && variables ~ /(^|\|)REQUEST_FILENAME(\||$)/) {
      match(rule, /"id:[0-9]+/)
      id = substr(rule, RSTART + 4, RLENGTH - 4)
      removal = removal (removal == "" ? "" : ",") "ctl:ruleRemoveTargetById=" id ";REQUEST_FILENAME"
    }
  } else {
    # A chained rule shares the fate of the rule that began its chain.
    if (!chained) dropped = (variables ~ /^RESPONSE_BODY$/)
    chained = (rule ~ /(^|[,"' \t])chain([,"' \t\n]|$)/ && directive == "SecRule")
    sub(/ctl:ruleRemoveTargetByTag=xss-perf-disable;REQUEST_FILENAME/, removal, rule)
    if (variables ~ /(^|\|)XML:\/\*(\||$)/ && variables !~ /XML:\/\/@\*/) sub(/XML:\/\*/, "XML:/*|XML://@*", rule)
    # The empty line matters: after a rule without actions, as chained ones may be, the engine would read the next line as its actions.
    if (!dropped) printf "%s\n", rule > out
  }
  rule = ""
}
FNR == 1 && pass == 2 {
  if (out != "") close(out)
  out = FILENAME
  sub(/.*\//, target "/", out)
  printf "" > out
  dropped = 0
  chained = 0
}
rule == "" {
  if ($0 ~ /^[ \t]*(#|$)/) {
    if (pass == 2) print > out
    next
  }
  directive = $1
  variables = directive == "SecRule" ? $2 : ""
}
{
  rule = rule $0 "\n"
  if ($0 !~ /\\$/) flush_rule()
}
