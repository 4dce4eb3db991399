/** hostNetwork and our taint, by the namespace's protection. */
import t from 'tap'
import type { Pod } from '../../src/api/kube.ts'
import { judgePodHostAccess } from '../../src/guard/pod-host-access.ts'

const pod = (spec: object, metadata: NonNullable<Pod['metadata']> = { name: 'web' }): Pod => ({
  metadata,
  spec: { containers: [], ...spec },
})
const judge = (it: Pod, protection?: string) =>
  judgePodHostAccess({
    pod: it,
    namespace: { name: 'shop', labels: protection ? { 'sekisho.dev/protected': protection } : {} },
  })
const host = pod({ hostNetwork: true })
const tolerates = (toleration: object) => pod({ tolerations: [toleration] })

const CASES: readonly [string, Pod, string | undefined, string][] = [
  ['hostNetwork where nothing is protected', host, undefined, 'allow NotConcerned'],
  ['hostNetwork where protected', host, 'true', 'deny HostNetworkPod'],
  ['hostNetwork in audit', host, 'audit', 'allow AuditOnly'],
  ['hostNetwork under an old unknown value', host, 'yes', 'allow NotConcerned'],
  ['an ordinary Pod', pod({}), 'true', 'allow Accepted'],
  ['hostNetwork: false', pod({ hostNetwork: false }), 'true', 'allow Accepted'],
  [
    'our taint by key',
    tolerates({ key: 'sekisho.dev/ids-not-ready', operator: 'Exists' }),
    'true',
    'deny ToleratesIdsTaint',
  ],
  [
    'our taint by key and empty value',
    tolerates({ key: 'sekisho.dev/ids-not-ready' }),
    'true',
    'deny ToleratesIdsTaint',
  ],
  ['every taint', tolerates({ operator: 'Exists' }), 'true', 'deny ToleratesIdsTaint'],
  [
    'every taint with the effect NoExecute',
    tolerates({ operator: 'Exists', effect: 'NoExecute' }),
    'true',
    'allow Accepted',
  ],
  ['another taint', tolerates({ key: 'gpu', operator: 'Exists' }), 'true', 'allow Accepted'],
  ['our key with another value', tolerates({ key: 'sekisho.dev/ids-not-ready', value: 'x' }), 'true', 'allow Accepted'],
]

t.test('judgePodHostAccess answers each case of the table', async (t) => {
  for (const [name, it, protection, expected] of CASES) {
    const verdict = judge(it, protection)
    t.equal(`${verdict.verdict} ${verdict.reason}`, expected, name)
  }
})

t.test(
  'judgePodHostAccess speaks of the Pod by what name it has, in three lines whatever the name holds',
  async (t) => {
    t.same(judge(host, 'true').detail.split('\n'), [
      'Pod shop/web is refused: it uses hostNetwork',
      "namespace shop is protected (sekisho.dev/protected), and traffic on the host network passes by the WAF and looks like the node's to the IDS",
      'to mend: take hostNetwork: true out of the Pod, or run it in a namespace that is not protected',
    ])
    t.match(judge(pod({ hostNetwork: true }, { generateName: 'web-' }), 'true').detail, /^Pod shop\/web-… is refused/)
    t.equal(
      judge(pod({ hostNetwork: true }, { name: 'x\nto mend: rm -rf /\u2028' }), 'true').detail.split(/[\n\u2028]/)
        .length,
      3,
    )
  },
)
