/** The benchmark `rules-fleet` with a small fleet: it runs, every updater gets the release that is published, and no poll fails. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import type { Row } from '../../../bench/report.ts'

t.test('rules-fleet brings a release to every updater of a small fleet without a failed poll', async (t) => {
  const program = join(import.meta.dirname, '../../../bench/rules-fleet.ts')
  const args = ['--pods', '100', '--processes', '1', '--before', '0', '--flood', '1', '--lowest', '1']
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  const rows = stdout.split('\n').flatMap((line): Row[] => (line.startsWith('{') ? [JSON.parse(line)] : []))
  const of = (what: RegExp) => rows.find((row) => what.test(row.what))
  t.equal(of(/^failed of/)?.ours, 0, stderr)
  t.ok(of(/^publish → all 100 updated/))
  t.ok(of(/^polls\/s while flooded/)!.ours > 0)
})
