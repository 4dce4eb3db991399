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
  t.match(await offline('a: [1'), { code: 2, stderr: /Cannot read stdin: .*line 1/ })
  t.match(await offline('- 1'), { code: 2, stderr: 'Cannot read stdin:1 as a Kubernetes object: it has no kind.' })
  t.match(await run(['check', '--offline', '-f', '/no/such/file']), {
    code: 2,
    stderr: 'Cannot read /no/such/file: ENOENT',
  })
  t.match(await run(['check', '--offline']), { code: 2, stderr: '--file' })
})
