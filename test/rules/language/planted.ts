/** What stands before and behind each planted mistake. */
export const BEFORE = `SecDefaultAction "phase:1,log,pass"
SecAction "id:1,phase:1,pass,tag:'attack-sqli',skipAfter:BEGIN"
# a comment
SecMarker BEGIN
`
export const AFTER = `
SecMarker END
SecRule ARGS "@rx a" \\
    "id:2,phase:2,deny"
`
