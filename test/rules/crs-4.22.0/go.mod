// Pins an older Core Rule Set by checksum (go.sum), for tests in which one release follows another.
module sekisho.dev/rules/crs

go 1.24

require github.com/corazawaf/coraza-coreruleset/v4 v4.22.0
