import { isUtf8 } from 'node:buffer'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const ACCESS = join(import.meta.dirname, '../../waf/lib/access.awk')

/** What access.awk makes of a record with these bytes as its user agent. */
function agentOf(bytes: Buffer): string {
  const input = Buffer.concat([Buffer.from('{"outcome":"passed","user_agent":"'), bytes, Buffer.from('"}\n')])
  const counters = join(t.testdir({}), 'counters')
  const env = { ...process.env, LC_ALL: 'C' }
  const { stdout } = spawnSync('awk', ['-v', `file=${counters}`, '-f', ACCESS], { input, env })
  t.ok(isUtf8(stdout), `${bytes.toString('hex')} becomes UTF-8`)
  return (JSON.parse(stdout.toString()) as { user_agent: string }).user_agent
}

t.test('access.awk replaces what is no UTF-8 and leaves the rest as it is', async (t) => {
  for (const good of ['curl/8', 'é', '日本', '😀', '\ud7ff\ue000\uffff\u{10ffff}', 'aé日😀z'])
    t.equal(agentOf(Buffer.from(good)), good)
  const bad: Record<string, string> = {
    ff: '\ufffd',
    '61ff62fe63': 'a\ufffdb\ufffdc',
    // Cut through, overlong, a surrogate, above the last character.
    c3a9e697: 'é\ufffd\ufffd',
    c0af: '\ufffd\ufffd',
    eda080: '\ufffd\ufffd\ufffd',
    f4908080: '\ufffd\ufffd\ufffd\ufffd',
  }
  for (const [hex, wanted] of Object.entries(bad)) t.equal(agentOf(Buffer.from(hex, 'hex')), wanted)
})
