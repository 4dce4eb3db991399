/** IDS rules from one https address, by each node itself: as `sekisho rules` fetches them. What is little or less is judged after the filters. */
import type { IdsRulesSettings } from '../../config/ids.ts'
import { idsLayout } from '../../rules/archive/layouts/ids.ts'
import { ARCHIVE_LIMITS } from '../../rules/archive/limits.ts'
import { httpsArchive } from '../../rules/sources/https-archive.ts'
import type { AgentSource } from './service-source.ts'

const ARCHIVE_BYTES = 32 * 1024 * 1024

export const archiveSource = ({ address, sha256 }: IdsRulesSettings['archive']): AgentSource => {
  const source = httpsArchive(
    { address, downloadBytes: ARCHIVE_BYTES },
    {
      source: `the archive at ${new URL(address).host}`,
      layout: idsLayout,
      trust: sha256 === '' ? { by: 'none' } : { by: 'sha256', sha256 },
      limits: ARCHIVE_LIMITS,
      minimumRules: 1,
      shrinkPercent: 100,
    },
  )
  return { name: source.name, leastWaitMs: () => 0, confirmedMsAgo: () => 0, ask: (context) => source.fetch(context) }
}
