# How many rules the engine will say it loaded from these files: a chain is one rule, and a SecMarker is one rule in each of 7 phases.
function flush_rule() {
  if (directive == "SecMarker") n += 7
  else if (directive == "SecAction" || directive == "SecRule") {
    if (!chained) n++
    chained = (rule ~ /(^|[,"' \t])chain([,"' \t]|$)/ && directive == "SecRule")
  }
  rule = ""
}
rule == "" {
  if ($0 ~ /^[ \t]*(#|$)/) next
  directive = $1
}
{
  line = $0
  continued = sub(/\\$/, "", line)
  rule = rule line
  if (!continued) flush_rule()
}
END { print n + 0 }
