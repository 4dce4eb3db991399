# Which rules a namespace may add to its own WAF, and the message where one is not of them: "file:line: what, and what would do".
#
# It is an allow-list of a narrow form, since what it does not understand the engine may: only SecRule, SecAction and SecMarker; the
# operator in double quotes on one line; actions in double quotes; no quote escaped anywhere. docs/reference/waf.md shows the lists.
#
# More than MOST_RULES are refused unread: each pattern is compiled by a process of its own, and in the WAF compared with every request.
#
# -v regexes=FILE: "file:line<TAB>pattern" of each @rx, to be compiled by someone who can.
function say(message) {
  print where ": " message
  bad = 1
}
function trim(s) {
  gsub(/^[ \t]+|[ \t]+$/, "", s)
  return s
}
function words(list, into,    i, n, w) {
  n = split(list, w, " ")
  for (i = 1; i <= n; i++) into[w[i]] = 1
}
BEGIN {
  MOST_RULES = 500
  FIRST_ID = 1
  LAST_ID = 199999
  words("rx pm streq strmatch contains containsWord beginsWith endsWith within eq ge gt le lt ipMatch detectSQLi detectXSS validateByteRange validateUrlEncoding validateUtf8Encoding noMatch unconditionalMatch", operators)
  words("ARGS ARGS_COMBINED_SIZE ARGS_GET ARGS_GET_NAMES ARGS_NAMES ARGS_POST ARGS_POST_NAMES FILES FILES_COMBINED_SIZE FILES_NAMES FILES_SIZES MATCHED_VAR MATCHED_VARS MATCHED_VARS_NAMES MATCHED_VAR_NAME MULTIPART_STRICT_ERROR QUERY_STRING REMOTE_ADDR REMOTE_PORT REQBODY_ERROR REQBODY_PROCESSOR REQUEST_BASENAME REQUEST_BODY REQUEST_BODY_LENGTH REQUEST_COOKIES REQUEST_COOKIES_NAMES REQUEST_FILENAME REQUEST_HEADERS REQUEST_HEADERS_NAMES REQUEST_LINE REQUEST_METHOD REQUEST_PROTOCOL REQUEST_URI REQUEST_URI_RAW RESPONSE_HEADERS RESPONSE_HEADERS_NAMES RESPONSE_STATUS SERVER_PORT TIME_DAY TIME_HOUR TIME_MIN TIME_WDAY TX UNIQUE_ID XML", variables)
  words("base64Decode base64DecodeExt cmdLine compressWhitespace cssDecode escapeSeqDecode hexDecode htmlEntityDecode jsDecode length lowercase none normalisePath normalizePath normalisePathWin normalizePathWin removeComments removeCommentsChar removeNulls removeWhitespace replaceComments replaceNulls sha1 md5 trim trimLeft trimRight uppercase urlDecode urlDecodeUni utf8toUnicode", transformations)
  words("accuracy auditlog capture chain deny id log logdata maturity msg multiMatch noauditlog nolog pass phase rev setvar severity skipAfter status t tag ver", actions)
  # A chained rule only adds a condition: what is done stands in the rule that begins the chain.
  words("capture chain logdata multiMatch setvar t", chained_actions)
}
FNR == 1 {
  finish_file()
  name = FILENAME
  sub(/.*\//, "", name)
}
{ last = FNR }
/\r/ {
  where = name ":" FNR
  say("a carriage return: write the file with plain line ends")
  next
}
/[\001-\010\013-\037\177]/ {
  where = name ":" FNR
  say("a control character: write it as \\xHH inside a pattern")
  next
}
logical == "" && /^[ \t]*$/ { next }
logical == "" && /^[ \t]*#/ {
  if (/\\[ \t]*$/) {
    where = name ":" FNR
    say("a comment that ends in a backslash takes the next line with it: take the backslash away")
  }
  next
}
{
  if (logical == "") {
    first = FNR
    piece = $0
  } else piece = trim($0)
  if (logical != "" && piece ~ /^#/) {
    where = name ":" FNR
    say("a comment inside a rule: put it before the rule")
  }
  continued = sub(/\\$/, "", piece)
  logical = logical piece
  if (continued) {
    # Inside the operator the engine keeps the line break, elsewhere not: only the latter is allowed.
    if (split(logical, part, "\"") % 2 == 0 && !(logical ~ /,[ \t]*$/ || logical ~ /"$/)) {
      where = name ":" FNR
      say("a line may be continued only after a comma of the actions or between the parts of a rule")
      logical = ""
    }
    next
  }
  where = name ":" first
  directive(logical)
  logical = ""
}
END {
  if (!too_many) finish_file()
  exit bad
}
function finish_file(    n, i, want) {
  if (name == "") return
  where = name ":" last
  if (logical != "") say("the last rule does not end: it is continued by a backslash")
  if (open_chain) {
    where = open_chain
    say("the chain has no next rule: add one or take 'chain' away")
  }
  n = split(awaits[name], want, " ")
  for (i = 1; i <= n; i++)
    if ((name, want[i]) in skipped) {
      where = skipped[name, want[i]]
      say("skipAfter:" want[i] ": no SecMarker of that name follows in the file")
      delete skipped[name, want[i]]
    }
  logical = ""
  open_chain = ""
}
function directive(text,    word, part, n) {
  word = text
  sub(/^[ \t]+/, "", word)
  sub(/[ \t].*$/, "", word)
  if (open_chain && word != "SecRule") {
    where = open_chain
    say("the chain has no next rule: a SecRule must follow")
    open_chain = ""
    return
  }
  if ((word == "SecRule" || word == "SecAction") && ++rules > MOST_RULES) {
    say("more than " MOST_RULES " rules, chained ones counted: write one rule with alternatives, or @pm or @within with a list of words")
    too_many = 1
    if (regexes != "") {
      close(regexes)
      printf "" > regexes
    }
    exit
  }
  n = split(text, part, "\"")
  if (word == "SecRule") {
    if (n != 5 || trim(part[5]) != "" || trim(part[3]) != "" || part[3] == "") {
      say("a SecRule is written SecRule VARIABLES \"OPERATOR\" \"ACTIONS\", both in double quotes (inside them write \\x22 for \")")
      return
    }
    if (part[2] ~ /\\$/) {
      say("an operator must not end in a backslash: write \\x5c")
      return
    }
    # To the engine %" does not end the operator: what follows would be read as directives.
    if (part[2] ~ /%$/) {
      say("an operator must not end in a percent sign: write \\x25")
      return
    }
    sec_rule(trim(substr(trim(part[1]), 8)), part[2], part[4])
  } else if (word == "SecAction") {
    if (n != 3 || trim(part[3]) != "" || trim(part[1]) != "SecAction") {
      say("a SecAction is written SecAction \"ACTIONS\"")
      return
    }
    rule_actions(part[2], 0)
    if (chains) say("a SecAction cannot begin a chain")
    open_chain = ""
  } else if (word == "SecMarker") {
    word = trim(substr(trim(text), 10))
    gsub(/"/, "", word)
    if (word !~ /^CUSTOM-[A-Z0-9-]+$/) say("SecMarker '" word "': a marker of your own is named CUSTOM-NAME, in capitals")
    marker_line[name, word] = first
    if ((name, word) in skipped) delete skipped[name, word]
  } else say("'" word "' is not allowed here: only SecRule, SecAction and SecMarker are; the rest is set by the platform")
}
function sec_rule(vars, operator, action_text,    n, i, v, base, op, argument, negated, chained) {
  chained = open_chain != ""
  # The variables.
  if (vars == "" || vars ~ /[ \t'"\\]/) {
    say("'" vars "' must be variables joined by |, without spaces, quotes or backslashes")
    return
  }
  n = split(vars, v, "|")
  for (i = 1; i <= n; i++) {
    base = v[i]
    sub(/^[!&]/, "", base)
    sub(/:.*/, "", base)
    if (!(base in variables)) say("variable '" v[i] "' is not allowed or not known")
  }
  # The operator.
  op = operator
  negated = sub(/^!/, "", op)
  if (op ~ /^@/) {
    argument = op
    sub(/^@[A-Za-z0-9]*[ \t]*/, "", argument)
    sub(/^@/, "", op)
    sub(/[ \t].*$/, "", op)
  } else {
    argument = op
    op = "rx"
  }
  if (!(op in operators)) say("operator '@" op "' is not allowed or not known")
  if (argument ~ /%\{/ && (op == "rx" || op == "pm")) say("a macro in @" op " is taken as text: use @streq, @contains or @within")
  if (argument == "" && op !~ /^(detectSQLi|detectXSS|validateUrlEncoding|validateUtf8Encoding|noMatch|unconditionalMatch)$/)
    say("@" op " needs something to compare with")
  if (op == "rx" && regexes != "") print where "\t" argument > regexes
  rule_actions(action_text, chained)
  if (chains) open_chain = where
  else open_chain = ""
}
# rule_actions TEXT CHAINED: checks the actions and sets `chains`.
function rule_actions(text, chained,    i, c, quoted, item, n, list, word, value, seen_id, phase, disruptive) {
  chains = 0
  if (text ~ /\\/) {
    say("a backslash among the actions: none is needed there")
    return
  }
  n = 0
  item = ""
  quoted = 0
  for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    if (c == "'") quoted = !quoted
    if (c == "," && !quoted) {
      list[++n] = item
      item = ""
    } else item = item c
  }
  list[++n] = item
  if (quoted) {
    say("a single quote that does not end")
    return
  }
  for (i = 1; i <= n; i++) {
    item = trim(list[i])
    if (item == "") {
      say("an empty action: two commas, or one at an end")
      continue
    }
    word = item
    sub(/:.*/, "", word)
    word = trim(word)
    value = index(item, ":") ? trim(substr(item, index(item, ":") + 1)) : ""
    # The engine reads these up to the next comma, over the end of the actions, or an unquoted % over the closing quote.
    if (value !~ /^'/ && (word ~ /^(rev|ver|accuracy|maturity)$/ || (word == "tag" && value ~ /%/))) {
      say("the value of '" word "' must stand in single quotes")
      continue
    }
    if (value ~ /^'[^']*'$/) value = substr(value, 2, length(value) - 2)
    else if (value ~ /'/) {
      say("a quote inside the value of '" word "': put it round the whole value")
      continue
    }
    if (word == "block") {
      say("'block' does nothing here, since the Core Rule Set decides by score: write 'deny,status:403'")
      continue
    }
    if (word == "ctl") {
      say("ctl:" value " is not allowed here: " (value ~ /^ruleRemove/ ? "rules are excluded by spec.exclusions of a WafPolicy, one parameter on one path" : "what it sets is the platform's"))
      continue
    }
    if (!(word in actions)) {
      say("action '" word "' is not allowed or not known")
      continue
    }
    if (chained && !(word in chained_actions)) {
      say("action '" word "' belongs in the rule that begins the chain")
      continue
    }
    if (word == "id") {
      if (seen_id) say("a second id")
      seen_id = 1
      if (value !~ /^[1-9][0-9]*$/ || length(value) > 6 || value + 0 < FIRST_ID || value + 0 > LAST_ID)
        say("id '" value "' must be a number from " FIRST_ID " to " LAST_ID)
      else if (value in id_at) say("id " value " is taken by " id_at[value])
      else id_at[value] = where
    } else if (word == "phase") {
      phase = value
      if (value !~ /^[1235]$/) say("phase '" value "' must be 1, 2, 3 or 5")
    } else if (word == "deny") disruptive = 1
    else if (word == "chain") {
      if (value != "") say("'chain' takes no value")
      chains = 1
    } else if (word == "status") {
      if (value !~ /^[45][0-9][0-9]$/) say("status '" value "' must be from 400 to 599")
    } else if (word == "t") {
      if (!(value in transformations)) say("transformation '" value "' is not known")
    } else if (word == "setvar") {
      if (value !~ /^!?tx\.custom_[a-z0-9_]+(=[^=]*)?$/) say("setvar:" value ": only tx.custom_NAME may be set; scores and limits are the platform's")
    } else if (word == "skipAfter") {
      if (value !~ /^CUSTOM-[A-Z0-9-]+$/) say("skipAfter:" value ": only to a marker of your own, CUSTOM-NAME")
      else if ((name, value) in marker_line) say("skipAfter:" value ": the marker must come later in the file")
      else {
        skipped[name, value] = where
        awaits[name] = awaits[name] " " value
      }
    } else if (word == "msg" || word == "tag" || word == "rev" || word == "ver") {
      if (value ~ /%\{/) say("a macro in '" word "' could put a secret into the log: use logdata")
    } else if (word == "logdata") {
      c = value
      gsub(/%\{(MATCHED_VAR|MATCHED_VAR_NAME|TX\.[0-9])\}/, "", c)
      if (c ~ /%\{/) say("logdata may hold %{MATCHED_VAR}, %{MATCHED_VAR_NAME} and %{TX.0} to %{TX.9}")
    }
  }
  if (!chained) {
    if (!seen_id) say("the rule has no id: give it one from " FIRST_ID " to " LAST_ID)
    if (phase == "") say("the rule has no phase: say phase:1 (headers) or phase:2 (body)")
    if (phase == "5" && disruptive) say("in phase 5 it is too late to deny")
  }
}
