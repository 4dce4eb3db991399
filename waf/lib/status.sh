# shellcheck shell=sh disable=SC2034
# What others may know: status.json for the updater and people, state.prom for /metrics.

# report WANTED STATE REASON DETAIL
report() {
  jq -cn --arg generation "$GENERATION" --arg previous "$PREVIOUS" --arg wanted "$1" --arg state "$2" --arg reason "$3" \
    --arg detail "$(sentence "$3") $4" --argjson rules "${RULES:-0}" --arg crs "$CRS" --arg mode "$SERVED_MODE" \
    --arg engine "$ENGINE" --arg nginx "$NGINX_VERSION" --argjson sequence "$SEQUENCE" --arg orders "$ORDERS_ID" \
    --arg ordersRefused "$ORDERS_REFUSED" --argjson breakGlassUntil "$BREAK_GLASS" --argjson memoryBytes "$MEMORY" \
    --arg time "$(date -u +%Y-%m-%dT%H:%M:%SZ)" '
      $ARGS.named | .detail |= .[:1000] | .ordersRefused |= .[:300]
      | { generation, wanted, state, reason, detail, previous, rules, crs, mode, engine, nginx, sequence, orders, ordersRefused, breakGlassUntil, memoryBytes, time }
    ' | replace "$STATUS" || log error "Cannot write status.json: the volume is full" path "$STATUS"
  write_metrics "$2" | replace "$STATE/metrics/state.prom" || log error "Cannot write metrics: the volume is full"
  LAST_WANTED=$1
}

# sentence REASON: what the code means, for a person.
sentence() {
  awk -F '\t' -v code="$1" '$1 == code { print $2 }' "$LIB/reasons.tsv"
}

write_metrics() {
  cat << END
# HELP sekisho_waf_generation_info The rule set that is served.
# TYPE sekisho_waf_generation_info gauge
sekisho_waf_generation_info{generation="$GENERATION",mode="$SERVED_MODE",crs="$CRS",engine="$ENGINE"} 1
# HELP sekisho_waf_rules Rules in the served rule set.
# TYPE sekisho_waf_rules gauge
sekisho_waf_rules ${RULES:-0}
# HELP sekisho_waf_wanted_failed Whether the rule set that was asked for last is refused and an older one served.
# TYPE sekisho_waf_wanted_failed gauge
sekisho_waf_wanted_failed $([ "$1" = failed ] && echo 1 || echo 0)
# HELP sekisho_waf_reloads_total Rule sets tried since the container started, by outcome.
# TYPE sekisho_waf_reloads_total counter
sekisho_waf_reloads_total{outcome="active"} $RELOADS_DONE
sekisho_waf_reloads_total{outcome="failed"} $RELOADS_FAILED
# HELP sekisho_waf_break_glass_until_seconds Since 1970: until when the WAF only detects, whatever its mode; 0 for not.
# TYPE sekisho_waf_break_glass_until_seconds gauge
sekisho_waf_break_glass_until_seconds $BREAK_GLASS
# HELP sekisho_waf_memory_bytes What nginx held of its own when last asked.
# TYPE sekisho_waf_memory_bytes gauge
sekisho_waf_memory_bytes $MEMORY
# HELP sekisho_waf_memory_budget_bytes What nginx may hold after a reload before it is exchanged.
# TYPE sekisho_waf_memory_budget_bytes gauge
sekisho_waf_memory_budget_bytes $MEMORY_BUDGET
# HELP sekisho_waf_recycles_total Exchanges of nginx for its memory since the container started, by outcome.
# TYPE sekisho_waf_recycles_total counter
sekisho_waf_recycles_total{outcome="done"} $RECYCLES_DONE
sekisho_waf_recycles_total{outcome="failed"} $RECYCLES_FAILED
# HELP sekisho_waf_restarts_total Parts that ended and were started again since the container started.
# TYPE sekisho_waf_restarts_total counter
sekisho_waf_restarts_total{part="nginx"} $NGINX_RESTARTS
sekisho_waf_restarts_total{part="filter"} $FILTER_RESTARTS
END
}
