/** `sekisho check` and `sekisho uninstall` against a real API server, as a user runs them. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { run } from '../cluster/run.ts'
import { lab, node } from '../cluster-cache/lab.ts'

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname
const PART_OF = { 'app.kubernetes.io/part-of': 'sekisho' }

t.test('the commands against a cluster', async (t) => {
  // The namespace controller, or no namespace would ever be gone.
  const { cluster } = await lab(t, { controllers: ['namespace-controller'] })
  const sekisho = (args: string[], input?: string) =>
    run(process.execPath, [CLI, ...args], { env: cluster.env, ...(input !== undefined && { input }) })

  t.test('check tells what kubectl apply would meet, and judges a namespace that exists as an update', async (t) => {
    await cluster.api('POST', '/api/v1/nodes', node('a'))
    await cluster.kubectlOk(['taint', 'node', 'a', 'node.kubernetes.io/not-ready-'])
    const yaml =
      'kind: Namespace\nmetadata: {name: shop, labels: {sekisho.dev/protected: "true", pod-security.kubernetes.io/enforce: restricted}}'
    const refused = await sekisho(['check', '-f', '-', '--kubeconfig', cluster.kubeconfig], yaml)
    t.equal(refused.code, 1)
    t.equal(
      refused.stdout,
      `stdin:1: namespace shop: refused (NodesNotCovered)
  namespace shop is refused: 1 of the 1 nodes its Pods can run on is blind
  node a: the IDS DaemonSet sekisho-node/sekisho-ids does not exist
  to mend: install the IDS (kubectl apply -k with its manifests), then kubectl -n sekisho-node rollout status daemonset sekisho-ids
`,
    )
    await cluster.createNamespace('shop', {
      'sekisho.dev/protected': 'true',
      'pod-security.kubernetes.io/enforce': 'restricted',
    })
    t.match(
      await sekisho(['check', '-f', '-', '-o', 'json'], yaml),
      { code: 0, stdout: '"reason":"NotConcerned"' },
      'later loss of coverage is no refusal',
    )
    t.match(await sekisho(['check', '-f', '-', '--kubeconfig', '/no/such'], yaml), { code: 3, stderr: '/no/such' })
    t.match(await sekisho(['check', '-f', '-', '--context', 'nope'], yaml), {
      code: 3,
      stderr: 'Cannot use the context "nope"',
    })
  })

  t.test('uninstall takes everything out in order, names what is left, and does nothing the second time', async (t) => {
    const deployment = (name: string) => ({
      metadata: { name, labels: PART_OF },
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'x', image: 'x:1' }] } },
      },
    })
    for (const name of ['sekisho-system', 'sekisho-node']) await cluster.createNamespace(name, PART_OF)
    await cluster.api('POST', '/apis/apps/v1/namespaces/sekisho-system/deployments', deployment('sekisho-webhook'))
    await cluster.api('POST', '/apis/apps/v1/namespaces/sekisho-node/daemonsets', deployment('sekisho-ids'))
    await cluster.api('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
      metadata: { name: 'sekisho-webhook', labels: PART_OF },
      rules: [],
    })
    await cluster.api('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
      metadata: { name: 'theirs' },
      rules: [],
    })
    await cluster.kubectlOk(['taint', 'node', 'a', 'sekisho.dev/ids-not-ready=:NoSchedule', 'theirs=yes:NoSchedule'])
    await cluster.kubectlOk(['annotate', 'node', 'a', 'sekisho.dev/seen=x', 'theirs=y'])
    await cluster.api('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'wafpolicies.sekisho.dev' },
      spec: {
        group: 'sekisho.dev',
        scope: 'Namespaced',
        names: { plural: 'wafpolicies', kind: 'WafPolicy' },
        versions: [{ name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    })
    // Fails everything that touches DaemonSets, and points nowhere: what comes after it would hang, were it not the first to go.
    await cluster.api('POST', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', {
      metadata: { name: 'sekisho', labels: PART_OF },
      webhooks: [
        {
          name: 'ids.sekisho.dev',
          clientConfig: { url: 'https://127.0.0.1:1/validate' },
          rules: [{ apiGroups: ['apps'], apiVersions: ['v1'], resources: ['daemonsets'], operations: ['DELETE'] }],
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          failurePolicy: 'Fail',
        },
      ],
    })
    await cluster.createNamespace('app')
    const owner = async (kind: string, name: string, ownerReferences: object[] = []) => {
      const body = { ...deployment(name), metadata: { name, ownerReferences } }
      await cluster.api('POST', `/apis/apps/v1/namespaces/app/${kind.toLowerCase()}s`, body)
      const { metadata } = JSON.parse(await cluster.kubectlOk(['-n', 'app', 'get', kind, name, '-o', 'json']))
      return { apiVersion: 'apps/v1', kind, name, uid: metadata.uid, controller: true }
    }
    const set = await owner('ReplicaSet', 'web-1', [await owner('Deployment', 'web')])
    for (const [name, ownerReferences] of [
      ['web-1-a', [set]],
      ['web-1-b', [set]],
      ['alone', []],
    ] as const)
      await cluster.api('POST', '/api/v1/namespaces/app/pods', {
        metadata: { name, ownerReferences },
        spec: {
          initContainers: [{ name: 'sekisho-waf', image: 'x:1', restartPolicy: 'Always' }],
          containers: [{ name: 'x', image: 'x:1' }],
        },
      })

    await cluster.api('POST', '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies', {
      metadata: { name: 'sekisho-rules-state', labels: PART_OF },
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['*'] }],
        },
        validations: [{ expression: 'true' }],
      },
    })
    const policies = '/apis/sekisho.dev/v1alpha1/namespaces/app/wafpolicies'
    const policy = { apiVersion: 'sekisho.dev/v1alpha1', kind: 'WafPolicy', metadata: { name: 'web' } }
    for (let tries = 0; (await cluster.api('POST', policies, policy)).status !== 201; tries += 1) {
      if (tries > 100) throw new Error('the definition is never served')
      await sleep(100)
    }

    await cluster.kubectlOk(['annotate', 'namespace', 'shop', 'sekisho.dev/coverage={}', 'theirs=y'])
    // A guard that still runs when its Deployment is gone, and is gone a moment later.
    const guard = '/api/v1/namespaces/sekisho-system/pods/guard-1'
    const labels = { 'app.kubernetes.io/name': 'sekisho-guard' }
    await cluster.api('POST', guard.replace('/guard-1', ''), {
      metadata: { name: 'guard-1', labels, finalizers: ['example.com/running'] },
      spec: { containers: [{ name: 'x', image: 'x:1' }] },
    })

    const dry = await sekisho(['uninstall', '--dry-run'])
    t.equal(dry.code, 0)
    t.match(
      dry.stdout,
      /in this order:\n {2}webhook configurations: validatingwebhookconfiguration sekisho\n {2}workloads: deployment sekisho-system\/sekisho-webhook\n {2}workloads: daemonset sekisho-node\/sekisho-ids\n {2}workloads: the Pods of sekisho-guard\n {2}nodes: node a: sekisho.dev\/ids-not-ready, sekisho.dev\/seen\n {2}namespaces of teams: namespace shop: sekisho.dev\/coverage\n {2}rights: validatingadmissionpolicy sekisho-rules-state\n {2}rights: clusterrole sekisho-webhook\n {2}namespaces: namespace sekisho-node\n {2}namespaces: namespace sekisho-system\n {2}definitions: customresourcedefinition wafpolicies.sekisho.dev\nWith their definition go the WafPolicies that teams wrote: app\/web. To keep a copy first:\n {2}kubectl get wafpolicies -A -o yaml > wafpolicies.yaml\n/,
    )
    t.match(await cluster.kubectl(['get', 'namespace', 'sekisho-system']), { code: 0 }, 'a dry run removes nothing')
    t.match(await sekisho(['uninstall']), { code: 2, stderr: 'give --yes' }, 'without a terminal it does not guess')

    const going = sekisho(['uninstall', '--yes', '--timeout', '120'])
    await sleep(3000)
    const taints = async () => JSON.parse(await cluster.kubectlOk(['get', 'node', 'a', '-o', 'json'])).spec.taints
    t.equal((await taints()).length, 2, 'while it runs it would taint the node anew')
    await cluster.kubectlOk(['-n', 'sekisho-system', 'delete', 'pod', 'guard-1', '--wait=false'])
    await cluster.kubectlOk([
      ...['-n', 'sekisho-system', 'patch', 'pod', 'guard-1', '--type=merge', '-p', '{"metadata":{"finalizers":null}}'],
    ])
    const first = await going
    t.same({ code: first.code, stderr: first.stderr }, { code: 0, stderr: '' })
    t.match(first.stdout, '[1/11] removed validatingwebhookconfiguration sekisho\n')
    t.match(
      first.stdout,
      '[10/11] removed namespace sekisho-system\n[11/11] removed customresourcedefinition wafpolicies.sekisho.dev\n',
    )
    t.match(first.stdout, 'labels, which mean nothing without Sekisho: shop\n')
    t.match(
      first.stdout,
      '  kubectl -n app delete pod alone   # nobody makes it anew\n  kubectl -n app rollout restart deployment/web\n',
    )
    for (const what of [
      'namespace/sekisho-system',
      'namespace/sekisho-node',
      'clusterrole/sekisho-webhook',
      'crd/wafpolicies.sekisho.dev',
      'validatingadmissionpolicy/sekisho-rules-state',
      'validatingwebhookconfiguration/sekisho',
    ])
      t.match(await cluster.kubectl(['get', what]), { code: 1, stderr: 'NotFound' }, what)
    const { metadata, spec } = JSON.parse(await cluster.kubectlOk(['get', 'node', 'a', '-o', 'json']))
    t.same(spec.taints, [{ key: 'theirs', value: 'yes', effect: 'NoSchedule' }], 'what others put on the node stays')
    t.match(metadata.annotations, { theirs: 'y', 'sekisho.dev/seen': undefined })
    const shop = JSON.parse(await cluster.kubectlOk(['get', 'namespace', 'shop', '-o', 'json'])).metadata
    t.same(shop.annotations, { theirs: 'y' })
    t.match(await cluster.kubectl(['get', 'clusterrole', 'theirs']), { code: 0 })

    const second = await sekisho(['uninstall', '--yes'])
    t.equal(second.code, 0)
    t.match(second.stdout, /^Nothing of Sekisho is installed at 127\.0\.0\.1:\d+\.\n/)
  })
})
