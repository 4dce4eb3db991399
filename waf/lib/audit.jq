# One record of the engine's audit log in, one JSON line out: what happened, without what must not leave the container.
#
# - No bodies; of the headers only those on a list, the referer without its query.
# - Matched data is shown where the engine names the parameter it came from and that name means nothing secret: otherwise masked. A value
#   the engine took from elsewhere (a whole body, a cookie, XML, a captured group) can hold anybody's secret and is always masked.
# - Below 4096 bytes, up to which a write to a pipe is never torn by another. What is cut is said: "rules_total".
#
# Text in a record is the client's, so nothing here looks into it for structure but to take away.

def secret_name: test("pass|pwd|secret|token|api[-_. ]?key|auth|credential|session|\\bsid\\b|jwt|cookie|csrf|xsrf|otp|\\bpin\\b|cvv|cvc|card|iban|\\bssn\\b|private|signature|\\bkey\\b"; "i");

# What looks like a secret wherever it stands: bearer and basic credentials, JSON web tokens, numbers as long as a card's.
def scrub:
  gsub("(?<how>bearer|basic)(?<gap>(?:[ +]|%20)+)[A-Za-z0-9._~+/=-]{6,}"; "\(.how)\(.gap)[masked]"; "i")
  | gsub("eyJ[A-Za-z0-9_.-]{10,}"; "[masked]")
  | gsub("(?:[0-9][ -]?){13,19}"; "[masked]");

def cut($length): if length > $length then .[:$length] + "…" else . end;
def decoded: try @urid catch .;

def masked_pair:
  (index("=") // null) as $at
  | if $at == null then (if decoded | secret_name then "[masked]" else scrub | cut(100) end)
    elif .[:$at] | secret_name or (decoded | secret_name) then (.[:$at] | cut(60)) + "=[masked]"
    else scrub | cut(100) end;
def masked_query: [splits("[&;]")] | .[:30] | map(masked_pair) | join("&") | cut(400);
def masked_path: gsub(";(?<name>[^=/;]*)=[^/;]*"; ";\(.name)=[masked]") | scrub | cut(300);

# The variable a rule matched on, from the engine's own words.
def variable($data):
  (capture("against variable `(?<name>[^\u0027]*)\u0027 \\(Value: ") | .name)
  // ($data | capture("found within (?<name>[A-Z_]+(?::[^ ]*?)?): ") | .name)
  // "";

def shown_data($variable):
  if . == "" then ""
  elif $variable | test("^(ARGS|ARGS_GET|ARGS_POST|FILES|FILES_NAMES|ARGS_NAMES|ARGS_GET_NAMES|ARGS_POST_NAMES|REQUEST_HEADERS:[A-Za-z-]+|REQUEST_METHOD|REQUEST_PROTOCOL|REMOTE_ADDR)(:|$)")
  then if ($variable | secret_name) or test("found within [^ ]*(pass|pwd|secret|token|key|auth|session|cookie|card)"; "i") then "[masked]" else scrub | cut(100) end
  elif $variable | test("^(REQUEST_URI|REQUEST_URI_RAW|REQUEST_LINE|QUERY_STRING|REQUEST_FILENAME|REQUEST_BASENAME)$")
  then if secret_name or (decoded | secret_name) then "[masked]" else scrub | cut(100) end
  else "[masked]" end;

def rule:
  (.details.data // "") as $data
  | ((.details.match // "") | variable($data)) as $variable
  | {
      id: .details.ruleId,
      message: (.message | cut(120)),
      severity: .details.severity,
      variable: ($variable | scrub | cut(80)),
      data: ($data | shown_data($variable)),
      file: ((.details.file // "") | sub("^.*/"; "")),
      line: .details.lineNumber,
      tags: [(.details.tags // [])[] | select(startswith("attack-") or startswith("paranoia-level/"))][:4]
    };

def safe_headers:
  to_entries
  | map(.key |= ascii_downcase)
  | map(select(.key | IN("host", "user-agent", "accept", "content-type", "content-length", "origin", "referer", "x-forwarded-for", "x-forwarded-proto")))
  | map(.value |= ((if type == "array" then join(", ") else tostring end) | split("?")[0] // "" | scrub | cut(150)))
  | from_entries;

def fit:
  def small: (tojson | utf8bytelength) < 3900;
  if small then .
  elif .rules | any(has("tags")) then .rules[] |= del(.tags) | fit
  elif .rules | length > 5 then .rules |= .[:-1] | fit
  elif .request.headers != {} then .request.headers = {} | fit
  elif .rules | any(.data != "[cut]") then .rules[].data = "[cut]" | .rules[].variable |= .[:20] | fit
  else .rules = .rules[:1] | .request.query |= .[:50] | .request.path |= .[:50] end;

. as $line
| (try (fromjson | .transaction | select(type == "object")) catch null) as $transaction
| if $transaction == null then { type: "audit", time: (now | floor), error: "unreadable record of \($line | length) characters" }
  else
    $transaction
    | ((.request.uri // "") | split("?")) as $uri
    | [(.messages // [])[] | rule] as $rules
    # In a cluster a numeric Host is no event: the kubelet's probes have one, every few seconds. With any other rule it is shown.
    | select($rules | all(.id == "920350") | not)
    | {
        type: "audit",
        time: (now * 1000 | floor / 1000),
        request_id: .unique_id,
        action: (if .is_interrupted and .producer.secrules_engine == "Enabled" then "blocked" else "detected" end),
        status: .response.http_code,
        namespace: $namespace,
        pod: $pod,
        pod_uid: $pod_uid,
        client: { ip: .client_ip, port: .client_port },
        server: { ip: .host_ip, port: .host_port },
        request: {
          method: (.request.method | cut(20)),
          protocol: "HTTP/\(.request.http_version | tostring | cut(5))",
          path: ($uri[0] | masked_path),
          query: ($uri[1:] | join("?") | masked_query),
          headers: (.request.headers // {} | safe_headers)
        },
        score: ([(.messages // [])[] | select(.details.ruleId | IN("949110", "949111", "959100", "980170")) | .message | capture("Total Score: (?<score>[0-9]+)").score | tonumber] | max),
        rules_total: ($rules | length),
        rules: $rules
      }
    | fit
  end
