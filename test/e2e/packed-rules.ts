/**
 * The story's cluster may have no way out, so its rules come as in an air-gapped one: a release of the Core Rule Set in a ConfigMap
 * (docs/reference/rule-sources.md), which the service tries, rolls out and shows like any other.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realCrsArchive } from '../rules/real-crs.ts'
import type { More } from './install.ts'
import type { Narrator } from './narrator.ts'
import type { Station } from './station.ts'

const VERSION = '4.25.0'
const ARCHIVE = `coreruleset-${VERSION}-minimal.tar.gz`

export const PACKED_RULES: More = {
  text: `configMapGenerator:
  - name: sekisho-rules-config
    namespace: sekisho-system
    behavior: replace
    files: [rules.yaml]
`,
  files: {
    'rules.yaml': `sources:
  everyMinutes: 0.1
  crs:
    from: configmap
    verify: none
    configMap: {name: crs}
`,
  },
}

/** What an administrator does once, after the installation. */
export async function bringRules(station: Station, tell: Narrator): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-crs-'))
  try {
    writeFileSync(join(folder, ARCHIVE), await realCrsArchive(VERSION))
    const args = ['-n', 'sekisho-system', 'create', 'configmap', 'crs', `--from-file=${ARCHIVE}`]
    await tell.command(`kubectl ${args.join(' ')}`, () => station.kubectl(args, { cwd: folder }), {
      holds: ['configmap/crs created'],
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
