/** One builder at a time, and no lock outlives its holder. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { withLock } from './lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'sekisho-lock-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const silent = () => {}

t.test('withLock() lets the second in only when the first is done', async (t) => {
  const file = join(folder, 'one')
  const order: string[] = []
  const work = (name: string) => async () => {
    order.push(`${name} in`)
    await sleep(50)
    order.push(`${name} out`)
  }
  await Promise.all([withLock(file, silent, work('a')), withLock(file, silent, work('b'))])
  const first = order[0]!.slice(0, 1)
  const second = first === 'a' ? 'b' : 'a'
  t.same(order, [`${first} in`, `${first} out`, `${second} in`, `${second} out`])
})

t.test('withLock() is free again after work that threw, and passes its error on', async (t) => {
  const file = join(folder, 'two')
  await t.rejects(
    withLock(file, silent, () => Promise.reject(new Error('no space'))),
    { message: 'no space' },
  )
  t.equal(await withLock(file, silent, async () => 'in'), 'in')
})

t.test('withLock() is free again after its holder was killed', async (t) => {
  const file = join(folder, 'three')
  const script = `import { withLock } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))}
    await withLock(${JSON.stringify(file)}, () => {}, () => { console.log('in'); return new Promise(() => setInterval(() => {}, 1000)) })`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  let entered = false
  const waiting = withLock(file, silent, async () => {
    entered = true
  })
  await sleep(200)
  t.notOk(entered, 'the lock is held')
  holder.kill('SIGKILL')
  await waiting
  t.ok(entered)
})
