import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { ensureBinaries } from './binaries.ts'
import { contentKey, exists, withLock } from './cache.ts'
import { writeImage } from './images/oci.ts'
import { leftovers } from './leftovers.ts'
import { must, run } from './run.ts'

async function folder(test: { teardown(work: () => unknown): void }): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sekisho-cache-test-'))
  test.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

t.test('contentKey tells parts apart by their borders, too', async (t) => {
  t.equal(contentKey('a', 'b'), contentKey('a', 'b'))
  t.not(contentKey('ab', 'c'), contentKey('a', 'bc'))
  t.match(contentKey('a'), /^[0-9a-f]{12}$/)
})

t.test('withLock lets one in at a time', async (t) => {
  const lock = join(await folder(t), 'x.lock')
  let inside = 0
  let most = 0
  const work = () =>
    withLock(lock, async () => {
      most = Math.max(most, ++inside)
      await sleep(20)
      inside--
    })
  await Promise.all([work(), work(), work()])
  t.equal(most, 1)
  t.notOk(await exists(lock))
})

t.test('withLock takes over the lock of a process that is no more, and frees its own after an error', async (t) => {
  const lock = join(await folder(t), 'x.lock')
  await writeFile(lock, '4194305')
  await t.rejects(
    withLock(lock, () => Promise.reject(new Error('broken'))),
    /broken/,
  )
  t.notOk(await exists(lock))
})

t.test('ensureBinaries names what it can provide', async (t) => {
  await t.rejects(
    ensureBinaries(['kube-magic']),
    /Cannot provide the binary 'kube-magic': it must be one of kube-apiserver, /,
  )
})

t.test('ensureBinaries without Go says what to install, and leaves neither lock nor half a binary', async (t) => {
  const cache = await folder(t)
  const before = { ...process.env }
  t.teardown(() => Object.assign(process.env, { PATH: before['PATH'], SEKISHO_CACHE: before['SEKISHO_CACHE'] ?? '' }))
  Object.assign(process.env, { PATH: '/nowhere', SEKISHO_CACHE: cache })
  const told: string[] = []
  await t.rejects(
    ensureBinaries(['kwok'], { log: (line) => told.push(line) }),
    /^Cannot build kwok: `go` is not in PATH\. Install Go 1\.26 or newer/,
  )
  t.match(told, [/^kwok 0\.8\.0: building what is missing/])
  const [home, ...more] = await readdir(join(cache, 'bin'))
  t.same(more, [])
  t.same(await readdir(join(cache, 'bin', home!)), [])
})

t.test('run says 127 for a command that is not there, 124 for one that takes too long', async (t) => {
  t.equal((await run('/no/such/command', [])).code, 127)
  t.match(await run('sleep', ['60'], { timeoutMs: 50 }), { code: 124, stderr: 'sleep was ended after 50 ms' })
  await t.rejects(must('sh', ['-c', 'echo no good >&2; exit 3']), /ended with code 3:\nno good/)
})

t.test('writeImage gives the same bytes for the same folder, and names the image inside', async (t) => {
  const work = await folder(t)
  const root = join(work, 'root')
  await must('sh', ['-c', `mkdir -p ${root}/bin && echo hello > ${root}/bin/hello`])
  const image = { name: 'registry.local/lab/hello:1', entrypoint: ['/bin/hello'] }
  await writeImage(image, root, join(work, 'one.tar'))
  await must('touch', ['-d', '2001-01-01', join(root, 'bin', 'hello')])
  await writeImage(image, root, join(work, 'two.tar'))
  t.ok((await readFile(join(work, 'one.tar'))).equals(await readFile(join(work, 'two.tar'))))
  const index = JSON.parse(await must('tar', ['-xOf', join(work, 'one.tar'), 'index.json']))
  t.equal(index.manifests[0].annotations['io.containerd.image.name'], image.name)
})

t.test('leftovers are what was not there before', async (t) => {
  t.same(leftovers(new Set(['process 1 a', 'mount /x']), new Set(['mount /y', 'process 1 a'])), ['mount /y'])
})
