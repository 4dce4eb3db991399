/** The guard through a real kube-apiserver and the real kubectl: every text a user meets, word for word. */
import t, { type Test } from 'tap'
import { daemonSetReviewer } from '../../src/admission/reviewers/daemonset.ts'
import { namespaceReviewer } from '../../src/admission/reviewers/namespace.ts'
import type { Pod } from '../../src/api/kube.ts'
import { allow } from '../../src/api/verdict.ts'
import { judgePodHostAccess } from '../../src/guard/pod-host-access.ts'
import { startServer } from '../admission/support.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { cacheOf, lab, node, settings, until } from '../cluster-cache/lab.ts'

const IDS = { 'app.kubernetes.io/name': 'sekisho-ids' }
const PSA = 'pod-security.kubernetes.io/enforce'

/** The guard behind a real API server, with the entries the design gives it. */
async function guarded(t: Test) {
  const { cluster, client } = await lab(t)
  const { reader, synced } = cacheOf(t, { client })
  const context = { reader, settings, now: Date.now }
  const namespaces = namespaceReviewer(context)
  const server = await startServer(t, {
    reviewers: new Map([
      ['validate namespaces', namespaces],
      ['validate namespaces/status', namespaces],
      ['validate namespaces/finalize', namespaces],
      ['validate daemonsets', daemonSetReviewer(context)],
      [
        'mutate pods',
        async ({ object, namespace }, signal) => {
          const view = await reader.liveNamespace(namespace, signal)
          return view === null ? allow('NotConcerned', '') : judgePodHostAccess({ pod: object as Pod, namespace: view })
        },
      ],
    ]),
  })
  await cluster.createNamespace('sekisho-node', { [PSA]: 'privileged' })
  await cluster.createNamespace('jane-rbac')
  // Jane may do everything with namespaces, Pods and DaemonSets, and nothing that opens.
  await cluster.api('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    metadata: { name: 'jane' },
    rules: [
      {
        apiGroups: ['', 'apps'],
        resources: ['namespaces', 'namespaces/status', 'namespaces/finalize', 'pods', 'daemonsets'],
        verbs: ['*'],
      },
    ],
  })
  await cluster.kubectlOk(['create', 'clusterrolebinding', 'jane', '--clusterrole=jane', '--user=jane'])
  const entry = (name: string, path: string, rule: object, selectors: object) => ({
    name,
    clientConfig: {
      url: `https://localhost:${server.port}/${path}`,
      caBundle: Buffer.from(server.ca.certPem).toString('base64'),
    },
    rules: [{ apiVersions: ['v1'], scope: '*', ...rule }],
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    failurePolicy: 'Fail',
    ...selectors,
  })
  const exists = (key: string) => ({ matchExpressions: [{ key, operator: 'Exists' }] })
  const register = (kind: string, webhooks: object[]) =>
    cluster.api('POST', `/apis/admissionregistration.k8s.io/v1/${kind}`, { metadata: { name: 'sekisho' }, webhooks })
  await register('mutatingwebhookconfigurations', [
    entry(
      'pods.sekisho.dev',
      'mutate',
      { apiGroups: [''], resources: ['pods'], operations: ['CREATE'] },
      { namespaceSelector: exists('sekisho.dev/protected') },
    ),
  ])
  await register('validatingwebhookconfigurations', [
    entry(
      'namespaces.sekisho.dev',
      'validate',
      {
        apiGroups: [''],
        resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'],
        operations: ['CREATE', 'UPDATE'],
      },
      { objectSelector: exists('sekisho.dev/protected') },
    ),
    entry(
      'ids.sekisho.dev',
      'validate',
      { apiGroups: ['apps'], resources: ['daemonsets'], operations: ['UPDATE', 'DELETE'] },
      { objectSelector: { matchLabels: IDS } },
    ),
  ])
  await synced(AbortSignal.timeout(30_000))
  return { cluster, reader }
}

const namespaceYaml = (name: string, labels: Record<string, string>, annotations: Record<string, string> = {}) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels, annotations } })

async function placeIds(cluster: Cluster, nodeName: string) {
  const labels = IDS
  const spec = {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        hostNetwork: true,
        tolerations: [{ operator: 'Exists' }],
        containers: [{ name: 'suricata', image: 'registry.local/sekisho-ids:1' }],
      },
    },
  }
  await cluster.api('POST', '/apis/apps/v1/namespaces/sekisho-node/daemonsets', {
    metadata: { name: 'sekisho-ids', labels },
    spec,
  })
  const { metadata } = JSON.parse(
    await cluster.kubectlOk(['-n', 'sekisho-node', 'get', 'daemonset', 'sekisho-ids', '-o', 'json']),
  )
  const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'sekisho-ids', uid: metadata.uid, controller: true }
  await cluster.api('POST', '/api/v1/namespaces/sekisho-node/pods', {
    metadata: { name: `ids-${nodeName}`, ownerReferences: [owner] },
    spec: { ...spec.template.spec, nodeName },
  })
}

/** What a kubelet would say of an IDS Pod. */
async function sayReady(cluster: Cluster, pod: string, ready: boolean) {
  const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: new Date().toISOString() }
  const containerStatuses = [
    { name: 'suricata', ready, image: 'x', imageID: '', restartCount: 0, started: true, state: { running: {} } },
  ]
  const patch = { status: { phase: 'Running', conditions: [condition], containerStatuses } }
  await cluster.kubectlOk([
    '-n',
    'sekisho-node',
    'patch',
    'pod',
    pod,
    '--subresource=status',
    '--type=strategic',
    '-p',
    JSON.stringify(patch),
  ])
}

t.test('the guard speaks through kubectl', async (t) => {
  const { cluster, reader } = await guarded(t)
  const jane = (args: string[], input?: string) =>
    cluster.kubectl([...args, '--as=jane'], input === undefined ? {} : { input })
  const apply = (yaml: string, more: string[] = []) => jane(['create', '-f', '-', ...more], yaml)
  const DENIED = 'admission webhook "namespaces.sekisho.dev" denied the request: '
  const refused = (text: string) => ({
    code: 1,
    stderr: `Error from server (NodesNotCovered): error when creating "STDIN": ${text}\n`,
  })
  const PROTECTED = { 'sekisho.dev/protected': 'true' }
  const SAFE = { [PSA]: 'restricted' }

  t.test('a cluster without nodes', async (t) => {
    const { code, stderr } = await apply(namespaceYaml('shop', { ...PROTECTED, ...SAFE }))
    t.equal(code, 1)
    t.equal(
      stderr,
      `Error from server (NoNodes): error when creating "STDIN": ${DENIED}namespace shop is refused: no node is covered
the cluster has no node, so nothing can be covered
to mend: add a node; for a cluster that scales from zero set guard.allowNoNodes: true in the webhook configuration
`,
    )
  })

  t.test('a node without IDS, and a dry run that hears the same', async (t) => {
    await cluster.api('POST', '/api/v1/nodes', node('a'))
    await cluster.kubectlOk(['taint', 'node', 'a', 'node.kubernetes.io/not-ready-'])
    const expected = refused(`${DENIED}namespace shop is refused: 1 of the 1 nodes its Pods can run on is blind
node a: the IDS DaemonSet sekisho-node/sekisho-ids does not exist
to mend: install the IDS (kubectl apply -k with its manifests), then kubectl -n sekisho-node rollout status daemonset sekisho-ids`)
    const yaml = namespaceYaml('shop', { ...PROTECTED, ...SAFE })
    t.match(await apply(yaml), expected)
    t.match(await apply(yaml, ['--dry-run=server']), expected)
  })

  t.test('an IDS Pod that is not Ready, and then is', async (t) => {
    await placeIds(cluster, 'a')
    await sayReady(cluster, 'ids-a', false)
    const yaml = namespaceYaml('shop', { ...PROTECTED, ...SAFE })
    t.match(
      await apply(yaml),
      refused(`${DENIED}namespace shop is refused: 1 of the 1 nodes its Pods can run on is blind
node a: its IDS Pod ids-a is not Ready: container suricata does not pass its readiness probe yet
to mend: kubectl -n sekisho-node describe pod ids-a`),
    )
    await sayReady(cluster, 'ids-a', true)
    t.match(await apply(yaml, ['--dry-run=server']), { code: 0, stderr: '' }, 'at once, though the watch may be behind')
  })

  t.test('no Pod Security level: the command it gives works, on a file and on a namespace', async (t) => {
    const { stderr } = await apply(namespaceYaml('shop', PROTECTED))
    t.equal(
      stderr,
      `Error from server (PodSecurityMissing): error when creating "STDIN": ${DENIED}namespace shop is refused: its Pods could use hostNetwork
it enforces no Pod Security level (pod-security.kubernetes.io/enforce is absent)
to mend: kubectl label --local -f FILE -o yaml pod-security.kubernetes.io/enforce=restricted | kubectl apply -f -
`,
    )
    const mended = await cluster.kubectlOk(['label', '--local', '-f', '-', '-o', 'yaml', `${PSA}=restricted`], {
      input: namespaceYaml('shop', PROTECTED),
    })
    t.match(await jane(['apply', '-f', '-'], mended), { code: 0, stdout: 'namespace/shop created\n', stderr: '' })

    await cluster.createNamespace('till')
    const label = await jane(['label', 'namespace', 'till', 'sekisho.dev/protected=true'])
    const mend = /to mend: (kubectl label .*)\n/.exec(label.stderr)?.[1] ?? ''
    t.equal(mend, 'kubectl label namespace till pod-security.kubernetes.io/enforce=restricted')
    t.match(await jane(mend.split(' ').slice(1)), { code: 0 })
    t.match(await jane(['label', 'namespace', 'till', 'sekisho.dev/protected=true']), { code: 0, stderr: '' })
  })

  t.test('Pods on hostNetwork that are there already', async (t) => {
    await cluster.createNamespace('old')
    for (const name of ['pod-a', 'pod-b', 'pod-c', 'pod-d'])
      await cluster.api('POST', '/api/v1/namespaces/old/pods', {
        metadata: { name },
        spec: { hostNetwork: true, containers: [{ name: 'x', image: 'x:1' }] },
      })
    await jane(['label', 'namespace', 'old', `${PSA}=baseline`])
    const { stderr } = await jane(['label', 'namespace', 'old', 'sekisho.dev/protected=true'])
    t.equal(
      stderr,
      `Error from server (HostNetworkPods): ${DENIED}namespace old is refused: pod-a (and 3 other Pods) are on hostNetwork
their traffic is the node's: neither the WAF nor the IDS can tell it apart
to mend: move or delete what this lists: kubectl -n old get pods --field-selector spec.hostNetwork=true
`,
    )
    t.match(await jane(['-n', 'old', 'get', 'pods', '--field-selector', 'spec.hostNetwork=true', '-o', 'name']), {
      stdout: /pod-d/,
    })
  })

  t.test('values and keys nobody knows', async (t) => {
    const { stderr } = await apply(namespaceYaml('x', { 'sekisho.dev/protected': 'yes' }))
    t.equal(
      stderr,
      `Error from server (InvalidValue): error when creating "STDIN": ${DENIED}namespace x is refused: the label sekisho.dev/protected cannot be "yes"
it is one of "true", "audit"
to mend: write sekisho.dev/protected: "true" under metadata.labels
`,
    )
  })

  t.test('audit only tells', async (t) => {
    const { code, stderr } = await apply(namespaceYaml('trial', { 'sekisho.dev/protected': 'audit' }))
    t.equal(code, 0)
    t.equal(
      stderr,
      `Warning: would be refused with sekisho.dev/protected: "true": namespace trial is refused: its Pods could use hostNetwork: it enforces no Pod Security level (pod-security.kubernetes.io/enforce is absent); to mend: kubectl label --local -f FILE -o yaml pod-security.kubernetes.io/enforce=restricted | kubectl apply -f -\n`,
    )
  })

  t.test('a Pod on hostNetwork is refused in our words, before Pod Security speaks', async (t) => {
    await cluster.createNamespace('shop') // it is there; this makes its service account
    const pod = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { hostNetwork: true, containers: [{ name: 'x', image: 'x:1' }] },
    })
    t.equal(
      (await apply(pod)).stderr,
      `Error from server (HostNetworkPod): error when creating "STDIN": admission webhook "pods.sekisho.dev" denied the request: Pod shop/web is refused: it uses hostNetwork
namespace shop is protected (sekisho.dev/protected), and traffic on the host network passes by the WAF and looks like the node's to the IDS
to mend: take hostNetwork: true out of the Pod, or run it in a namespace that is not protected
`,
    )
  })

  t.test('opening needs the right to', async (t) => {
    t.equal(
      (await jane(['label', 'namespace', 'shop', 'sekisho.dev/protected-'])).stderr,
      `Error from server (MayNotOpen): ${DENIED}namespace shop is refused: this change takes sekisho.dev/protected away
it takes protection away, and jane has no right to (verb open on wafpolicies.sekisho.dev)
to mend: leave it as it is, or ask somebody for whom this says yes: kubectl -n shop auth can-i open wafpolicies.sekisho.dev
`,
    )
    t.match(
      (await jane(['label', 'namespace', 'shop', `${PSA}-`])).stderr,
      'this change lets Pods use hostNetwork (Pod Security)',
    )
    t.match(
      (await jane(['label', 'namespace', 'shop', '--overwrite', `${PSA}=baseline`])).stderr,
      'this change weakens the Pod Security level',
    )
    t.match(await cluster.kubectl(['-n', 'shop', 'auth', 'can-i', 'open', 'wafpolicies.sekisho.dev', '--as=jane']), {
      stdout: 'no\n',
    })
    t.match(await cluster.kubectl(['label', 'namespace', 'shop', `${PSA}-`]), {
      code: 0,
      stderr:
        'Warning: namespace shop: this change lets Pods use hostNetwork (Pod Security): it is less protected than before\n',
    })
    await cluster.kubectlOk(['label', 'namespace', 'shop', `${PSA}=restricted`])
  })

  t.test('the label cannot be taken off by way of a subresource either', async (t) => {
    const off = '{"metadata":{"labels":{"sekisho.dev/protected":null}}}'
    t.match(await jane(['patch', 'namespace', 'shop', '--subresource=status', '--type=merge', '-p', off]), {
      code: 1,
      stderr: 'this change takes sekisho.dev/protected away',
    })
    const shop = JSON.parse(await cluster.kubectlOk(['get', 'namespace', 'shop', '-o', 'json']))
    delete shop.metadata.labels['sekisho.dev/protected']
    const args = ['replace', '--raw', '/api/v1/namespaces/shop/finalize', '-f', '-']
    t.match(await jane(args, JSON.stringify(shop)), {
      code: 1,
      stderr: 'this change takes sekisho.dev/protected away',
    })
    t.match(await cluster.kubectlOk(['get', 'namespace', 'shop', '--show-labels']), 'sekisho.dev/protected=true')
  })

  t.test('later loss of coverage leaves a namespace changeable and deletable', async (t) => {
    await sayReady(cluster, 'ids-a', false)
    await until(
      'the watch has seen it',
      () => reader.idsPods()[0]?.ready,
      (ready) => ready === false,
    )
    t.match(await jane(['label', 'namespace', 'shop', 'team=a']), { code: 0, stderr: '' })
    t.match(
      await jane(['annotate', 'namespace', 'shop', 'sekisho.dev/node-selector=pool=web']),
      { code: 1 },
      'but not its reach',
    )
    const why = JSON.stringify({
      why: 'the IDS of node a is being mended',
      until: new Date(Date.now() + 3_600_000).toISOString(),
    })
    const yaml = namespaceYaml('urgent', { ...PROTECTED, ...SAFE }, { 'sekisho.dev/allow-uncovered': why })
    t.match(await apply(yaml), { code: 1, stderr: /MayNotOpen.*this change sets sekisho.dev\/allow-uncovered/ })
    t.match(await cluster.kubectl(['create', '-f', '-'], { input: yaml }), {
      code: 0,
      stderr:
        /^Warning: namespace urgent: sekisho.dev\/allow-uncovered holds until .* \(the IDS of node a is being mended\).*\nWarning: admitted all the same: namespace urgent.*node a: its IDS Pod ids-a is not Ready/,
    })
    t.match(await jane(['delete', 'namespace', 'urgent', '--wait=false']), { code: 0 })
  })

  t.test('the IDS DaemonSet while namespaces rely on it', async (t) => {
    await until(
      'the watch has seen them',
      () => reader.protectedNamespaces(),
      (names) => names.join() === 'shop,till,urgent',
    )
    t.equal(
      (await jane(['-n', 'sekisho-node', 'delete', 'daemonset', 'sekisho-ids'])).stderr,
      `Error from server (IdsNeeded): admission webhook "ids.sekisho.dev" denied the request: DaemonSet sekisho-node/sekisho-ids is refused: this change deletes it
namespaces shop (and 2 more) rely on it, and jane has no right to open (verb open on wafpolicies.sekisho.dev in all namespaces)
to mend: unprotect what this lists first: kubectl get namespaces -l sekisho.dev/protected=true
`,
    )
    const narrow = '{"spec":{"template":{"spec":{"nodeSelector":{"ids":"yes"},"tolerations":null}}}}'
    t.match(
      (await jane(['-n', 'sekisho-node', 'patch', 'daemonset', 'sekisho-ids', '-p', narrow])).stderr,
      'this change holds it to nodes with ids, and takes tolerations away',
    )
    t.match(await jane(['-n', 'sekisho-node', 'set', 'image', 'daemonset/sekisho-ids', 'suricata=x:2']), {
      code: 0,
      stderr: '',
    })
    t.match(await cluster.kubectl(['-n', 'sekisho-node', 'delete', 'daemonset', 'sekisho-ids', '--wait=false']), {
      code: 0,
      stderr: /^Warning: DaemonSet sekisho-node\/sekisho-ids: this change deletes it/,
    })
  })
})
