# The heartbeat: the counters of requests come in as lines, the rest as $status (status.json), $outcome (what became of a rule set that the
# WAF was given before the one it names now, or that never reached it), $image and $engine. Never above 4 KiB.
def object: (try fromjson catch {}) | if type == "object" then . else {} end;
[inputs | capture("^sekisho_waf_requests_total[{]outcome=\"(?<outcome>[a-z]+)\"[}] (?<count>[0-9]{1,15})$") | .count |= tonumber] as $counts
| { generation: "", sequence: 0, wanted: "", state: "waiting", reason: "Waiting", detail: "", mode: "", orders: "", rules: 0, engine: $engine }
  + ($status | object) + ($outcome | object)
| {
    protocol: 1,
    image: $image,
    requests: ([$counts[].count] | add // 0),
    blocked: ([$counts[] | select(.outcome == "blocked").count] | add // 0),
    status: (
      { generation, sequence, wanted, state, reason, detail, mode, orders, rules, engine }
      | map_values(if type == "string" then .[:400] elif type == "number" then . else "" end)
    ),
  }
