#!/usr/bin/env bash
# Installs the npm modules of the lockfile once; a stamp inside node_modules says for which lockfile.
set -euo pipefail
cd "$(dirname "$0")/../.."
stamp=node_modules/.sekisho-lock
want=$(sha256sum package-lock.json | cut -d' ' -f1)
[ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && exit 0
started=$SECONDS
echo "· npm modules …"
log=$(mktemp)
if ! npm ci --no-audit --no-fund >"$log" 2>&1; then
  cat "$log"
  echo "setup: npm ci failed; its output is above" >&2
  exit 1
fi
rm -f "$log"
# Without this the first run still loads the TypeScript plugin that .taprc switches off.
PATH=$PWD/node_modules/.bin:$PATH tap build >/dev/null
node_modules/.bin/node -e 'if (Number(process.versions.node.split(".")[0]) < 24) process.exit(1)' || {
  echo "setup: node_modules/.bin/node is not Node 24; remove node_modules and run again" >&2
  exit 1
}
echo "$want" >"$stamp"
echo "✓ npm modules ($((SECONDS - started)) s)"
