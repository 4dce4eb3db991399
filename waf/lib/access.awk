# Passes access records on, a line at a time, and counts them by outcome. Each begins {"outcome":"NAME", written by nginx from a closed
# list before anything a client sent. A line ":flush" from PID 1 asks for the counters. Write it again only when something was counted.
#
# What a client sends may be no UTF-8, and a cut may go through a character; JSON is UTF-8, so each byte that is not becomes U+FFFD.
# awk must mean bytes (LC_ALL=C).
function as_utf8(text,    good) {
  good = ""
  while (match(text, /[\200-\377]/)) {
    good = good substr(text, 1, RSTART - 1)
    text = substr(text, RSTART)
    if (match(text, CHARACTERS)) {
      good = good substr(text, 1, RLENGTH)
      text = substr(text, RLENGTH + 1)
    } else {
      good = good "\357\277\275"
      text = substr(text, 2)
    }
  }
  return good text
}
function flush_counts(    name, new) {
  new = file ".new"
  printf "# HELP sekisho_waf_requests_total Requests by outcome.\n# TYPE sekisho_waf_requests_total counter\n" > new
  for (name in count) printf "sekisho_waf_requests_total{outcome=\"%s\"} %d\n", name, count[name] > new
  close(new)
  system("mv -f '" new "' '" file "'")
  changed = 0
}
BEGIN {
  # No overlong form, no surrogate, nothing above U+10FFFF.
  more = "[\200-\277]"
  CHARACTERS = "^([\302-\337]" more "|\340[\240-\277]" more "|[\341-\354\356\357]" more more "|\355[\200-\237]" more
  CHARACTERS = CHARACTERS "|\360[\220-\277]" more more "|[\361-\363]" more more more "|\364[\200-\217]" more more ")+"
  split("passed blocked rejected failed other", names, " ")
  for (i in names) count[names[i]] = 0
  # Counters outlive this process, which PID 1 starts again should it end.
  while ((getline line < file) > 0)
    if (split(line, part, "\"") == 3 && part[2] in count) count[part[2]] = substr(part[3], 3) + 0
  flush_counts()
}
$0 == ":flush" {
  if (changed) flush_counts()
  next
}
{
  # As one string with its line end: output is unbuffered, and a line written in two parts could have another process's between them.
  printf("%s", as_utf8($0) "\n")
  # nginx's {"outcome":"passed",…
  name = substr($0, 13, index(substr($0, 13), "\"") - 1)
  if (name in count) {
    count[name]++
    changed = 1
  }
}
