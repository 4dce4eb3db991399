# The entries of a packed bundle, as `tar --list --verbose` tells them, before anything is unpacked: regular files with plain names in no
# folder, so many and so large at most. Prints what is wrong and fails; a line that tar says otherwise is wrong, too.
{
  # Only what is told is kept short and printable: the line is data.
  shown = substr($0, 1, 120)
  gsub(/[^ -~]/, "?", shown)
}
NR > files { wrong("more than " files " entries") }
NF != 6 || $1 !~ /^-[-rwxsStT]+$/ { wrong("not a regular file with a plain name: " shown) }
$6 !~ /^[A-Za-z0-9][A-Za-z0-9._-]*$/ || length($6) > 128 || index($6, "..") { wrong("not a plain name: " shown) }
$3 !~ /^[0-9]+$/ || length($3) > 9 || (sum += $3) > bytes { wrong("more than " bytes " bytes unpacked") }
seen[$6]++ { wrong("a file twice: " shown) }

END {
  if (!failed && NR == 0) print "no entries"
  exit failed || NR == 0
}

function wrong(why) {
  if (!failed) print why
  failed = 1
  exit 1
}
