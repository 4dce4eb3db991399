# nginx's error log as JSON lines without what clients sent. A line reads
#
#     2026/11/24 12:00:00 [error] 7#7: *9 connect() failed (111: …) while …, client: 10.0.0.9, server: , request: "GET /a?b=c …
#
# All from ", client: " on is the request's, query included, and goes; the connection number leads to the access record. Lines of the
# engine hold matched data and go too: the audit record has the same, masked. Notices (a worker started, a worker ended) are no news.
capture("^(?<date>[0-9/]{10}) (?<clock>[0-9:]{8}) \\[(?<level>[a-z]+)\\] (?<process>[0-9#]+): (?:\\*(?<connection>[0-9]+) )?(?<message>.*)$"; "s")
  // { level: "error", message: . }
| select(.level | IN("notice", "info", "debug") | not)
# Said of every body above 16 KiB.
| select(.message | startswith("a client request body is buffered to a temporary file") | not)
| .message |= split(", client: ")[0]
| select(.message | test("^(?:\\[client [^\\]]*\\] )?ModSecurity: ") | not)
| {
    type: "log",
    time: (if .date then ("\(.date) \(.clock)" | strptime("%Y/%m/%d %H:%M:%S") | mktime) else (now | floor) end),
    level,
    component: "nginx",
    message: (.message | gsub("\\?[^ \"]*"; "?[masked]") | .[:600])
  }
  + (if .connection then { connection: (.connection | tonumber) } else {} end)
