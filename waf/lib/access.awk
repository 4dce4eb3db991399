# Passes access records on, a line at a time, and counts them by outcome. Each begins {"outcome":"NAME", written by nginx from a closed
# list before anything a client sent. A line ":flush" from PID 1 asks for the counters. Write it again only when something was counted.
function flush_counts(    name, new) {
  new = file ".new"
  printf "# HELP sekisho_waf_requests_total Requests by outcome.\n# TYPE sekisho_waf_requests_total counter\n" > new
  for (name in count) printf "sekisho_waf_requests_total{outcome=\"%s\"} %d\n", name, count[name] > new
  close(new)
  system("mv -f '" new "' '" file "'")
  changed = 0
}
BEGIN {
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
  printf("%s", $0 "\n")
  # nginx's {"outcome":"passed",…
  name = substr($0, 13, index(substr($0, 13), "\"") - 1)
  if (name in count) {
    count[name]++
    changed = 1
  }
}
