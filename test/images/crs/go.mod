// Pins the baseline Core Rule Set by checksum (go.sum). The version here is the CRS version.
module sekisho.dev/images/crs

go 1.24

require github.com/corazawaf/coraza-coreruleset/v4 v4.25.0
