/** `sekisho check --offline`: as much as the file alone can tell. */
import { Readable, Writable } from 'node:stream'
import t from 'tap'
import { main } from '../../src/cli.ts'

async function run(args: readonly string[], input = '') {
  const out = { stdout: '', stderr: '' }
  const sink = (name: keyof typeof out) =>
    new Writable({
      write(chunk, _encoding, done) {
        out[name] += chunk
        done()
      },
    })
  const io = { stdin: Readable.from([input]), stdout: sink('stdout'), stderr: sink('stderr'), env: {} } as never
  const code = await main(args, io)
  return { code, ...out }
}
const offline = (input: string, ...more: string[]) => run(['check', '--offline', '-f', '-', ...more], input)
const ns = (name: string, labels: string) =>
  `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${name}\n  labels: ${labels}\n`

t.test('check --offline accepts what no cluster could refuse', async (t) => {
  t.same(await offline(ns('shop', '{sekisho.dev/waf: block}')), {
    code: 0,
    stdout: 'stdin:1: namespace shop: accepted (Accepted)\n  namespace shop: nothing is opened\n',
    stderr: '',
  })
})

t.test('check --offline refuses what every cluster would refuse, in the gate’s own words', async (t) => {
  const { code, stdout } = await offline(ns('shop', '{sekisho.dev/protected: "true"}'))
  t.equal(code, 1)
  t.equal(
    stdout,
    `stdin:1: namespace shop: refused (PodSecurityMissing)
  namespace shop is refused: its Pods could use hostNetwork
  it enforces no Pod Security level (pod-security.kubernetes.io/enforce is absent)
  to mend: kubectl label --local -f FILE -o yaml pod-security.kubernetes.io/enforce=restricted | kubectl apply -f -
`,
  )
})

t.test('check --offline says what only a cluster can tell', async (t) => {
  const { code, stdout } = await offline(
    ns('shop', '{sekisho.dev/protected: "true", pod-security.kubernetes.io/enforce: restricted}'),
  )
  t.equal(code, 3)
  t.match(
    stdout,
    'cannot tell (NotLookedUp)\n  nothing in it would be refused, but a cluster has to say whether every node',
  )
})

t.test(
  'check judges every Namespace of many documents, also in a List, and a refusal decides the exit code',
  async (t) => {
    const list = JSON.stringify({
      kind: 'List',
      items: [{ kind: 'Namespace', metadata: { name: 'c', labels: { 'sekisho.dev/waf': 'loud' } } }],
    })
    const input = `${ns('a', '{}')}---\n# nothing\n---\nkind: Pod\nmetadata: {name: p}\n---\n${ns('b', '{sekisho.dev/protected: "true", pod-security.kubernetes.io/enforce: baseline}')}---\n${list}`
    const { code, stdout } = await offline(input, '--output', 'json')
    t.equal(code, 1)
    t.match(JSON.parse(stdout), [
      { namespace: 'a', where: 'stdin:1', verdict: 'allow', reason: 'NotConcerned' },
      { namespace: 'b', where: 'stdin:12', verdict: 'unknown' },
      { namespace: 'c', verdict: 'deny', reason: 'InvalidValue' },
    ])
  },
)

t.test('check says which file and line cannot be read', async (t) => {
  t.match(await offline('kind: Pod'), { code: 2, stderr: 'error: Cannot check -: there is no Namespace in it.' })
  t.match(await offline('a: [1'), { code: 2, stderr: /Cannot read stdin:1 as YAML: / })
  t.match(await offline('- 1'), { code: 2, stderr: 'Cannot read stdin:1 as a Kubernetes object: it has no kind.' })
  t.match(await run(['check', '--offline', '-f', '/no/such/file']), {
    code: 2,
    stderr: 'Cannot read /no/such/file: ENOENT',
  })
  t.match(await run(['check', '--offline']), { code: 2, stderr: '--file' })
})

t.test('check takes the webhook’s file as it is shipped, without an image', async (t) => {
  const file = new URL('../../manifests/base/config/webhook.yaml', import.meta.url).pathname
  t.match(await offline(ns('shop', '{}'), '--config', file), { code: 0, stderr: '' })
})

t.test('check is asked about a file or about all namespaces, and says so', async (t) => {
  for (const args of [[], ['--all-namespaces', '-f', '-'], ['--all-namespaces', '--offline']])
    t.match(await run(['check', ...args]), { code: 2, stderr: /say either --file <path>, .*, or --all-namespaces/ })
})

t.test('check --offline names the line of what is no YAML, and repeats none of it to the terminal', async (t) => {
  t.same(await offline(`${ns('shop', '{a: b}')}---\na: b\n\u001b[31mred: [\n`), {
    code: 2,
    stdout: '',
    stderr:
      'error: Cannot read stdin:9 as YAML: Flow sequence in block collection must be sufficiently indented and end with a ]\n',
  })
  const bomb = [
    'a: &a [x, x, x, x, x, x, x, x, x]',
    ...Array.from({ length: 6 }, (_, i) => {
      const [name, before] = ['bcdefg'[i], 'abcdef'[i]]
      return `${name}: &${name} [${Array(9).fill(`*${before}`).join(', ')}]`
    }),
  ].join('\n')
  t.match(await offline(bomb), { code: 2, stderr: /^error: Cannot read stdin:1 as YAML: Excessive alias count/ })
})

t.test('check --offline reads thousands of documents in the time of their bytes', async (t) => {
  const many = `${ns('shop', '{a: b}')}---\n`.repeat(20_000)
  const begin = performance.now()
  const { code, stdout } = await offline(many)
  t.equal(code, 0)
  t.equal(stdout.match(/namespace shop: accepted/g)?.length, 20_000)
  // Counting lines anew from the top for each took a minute.
  t.ok(performance.now() - begin < 40_000)
})
