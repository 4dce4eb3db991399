# What the service answered to a poll, read line by line: docs/reference/update-protocol.md. Prints its values on one line, `-` for each
# that is left out; or, with exit code 1, what is wrong.
BEGIN {
  split("generation sha256 bytes orders orders-signature", names, " ")
  form["generation"] = "^[a-z0-9][a-z0-9.-]*$"
  form["sha256"] = "^[0-9a-f]+$"
  form["bytes"] = "^[1-9][0-9]*$"
  form["orders"] = "^[A-Za-z0-9+/]+=?=?$"
  form["orders-signature"] = "^[A-Za-z0-9+/]+==$"
  shortest["generation"] = 1; longest["generation"] = 64
  shortest["sha256"] = longest["sha256"] = 64
  shortest["bytes"] = 1; longest["bytes"] = 9
  shortest["orders"] = 4; longest["orders"] = 2048
  shortest["orders-signature"] = longest["orders-signature"] = 88
}

NR == 1 && $0 != "sekisho-current 1" { wrong("line 1 is not \"sekisho-current 1\"") }
NR == 1 { next }
# Where nothing is published for a Pod, only orders follow.
NR == 2 { at = $1 == "orders" ? 4 : 1 }
at > 5 { wrong("line " NR " is one too many") }
{
  name = names[at++]
  value = substr($0, length(name) + 2)
  if (substr($0, 1, length(name) + 1) != name " ") wrong("line " NR " is not \"" name " …\"")
  if (length(value) < shortest[name] || length(value) > longest[name] || value !~ form[name] || (name == "generation" && index(value, "..")))
    wrong("line " NR ": the value of \"" name "\" is not of its form")
  values[name] = value
}

END {
  if (failed) exit 1
  if (at != 6) {
    print "it ends after " NR " lines"
    exit 1
  }
  for (i = 1; i <= 5; i++) printf "%s%s", names[i] in values ? values[names[i]] : "-", i < 5 ? " " : "\n"
}

function wrong(why) {
  print why
  failed = 1
  exit 1
}
