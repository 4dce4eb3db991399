/** `sekisho rules status | pin | unpin | rollback | freeze | resume` against a real API server, as operators run them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { decideRollout } from '../../src/rules/rollout/decide.ts'
import { parseOrders } from '../../src/rules/rollout/operator-orders.ts'
import { EMPTY_ROLLOUT, printRollout, type RolloutState } from '../../src/rules/rollout/state.ts'
import { emptyNamespace, printNamespace, shardName, shardOf } from '../../src/rules/rollout/target-state.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { run } from '../cluster/run.ts'
import { lab } from '../cluster-cache/lab.ts'
import { kubeconfigOf } from '../manifests/account.ts'
import { factsOf, passed, release, report, settingsOf } from '../rules/rollout/lab.ts'

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname
const OPERATORS = new URL('../../manifests/base/operators.yaml', import.meta.url)
const MAPS = '/api/v1/namespaces/sekisho-system/configmaps'

interface ConfigMap {
  readonly data?: Record<string, string>
}
const read = async (cluster: Cluster, name: string) =>
  (JSON.parse(await cluster.kubectlOk(['-n', 'sekisho-system', 'get', 'configmap', name, '-o', 'json'])) as ConfigMap)
    .data
const orders = async (cluster: Cluster) => parseOrders(await read(cluster, 'sekisho-rules-orders')).orders

/** Writes as the service does. */
async function write(cluster: Cluster, name: string, data: Record<string, string>) {
  await cluster.kubectl(['-n', 'sekisho-system', 'delete', 'configmap', name, '--ignore-not-found'])
  await cluster.api('POST', MAPS, { metadata: { name }, data })
}
const writeState = (cluster: Cluster, state: RolloutState) =>
  write(cluster, 'sekisho-rules-rollout', { state: printRollout(state) })

/** 4.25.0 is current, 4.24.0 was before, 4.25.1 begins now. */
function rollingState(changes: Partial<RolloutState> = {}): RolloutState {
  const now = Date.now()
  const kept = ['4.25.1', '4.25.0', '4.24.0'].map((version) => {
    const { release: ref, ...trial } = passed(release(version))
    return { release: ref, at: now, rules: 400, trial: { ...trial, at: now } }
  })
  const state: RolloutState = { ...EMPTY_ROLLOUT, current: release('4.25.0'), previous: release('4.24.0'), kept }
  const facts = factsOf({ reports: [report('shop', {}, { pods: 3, active: 3 })] })
  const begun = decideRollout(state, {}, settingsOf(), facts, now).state
  return {
    ...decideRollout(
      begun,
      {},
      settingsOf(),
      {
        ...facts,
        reports: [report('shop', { pods: 1, active: 1 }, { pods: 3, active: 2, pending: 1 }, { NotYet: 1 })],
      },
      now,
    ).state,
    ...changes,
  }
}

t.test('sekisho rules, an operator’s day', async (t: Test) => {
  const { cluster } = await lab(t)
  const sekisho = (args: string[], kubeconfig?: string) =>
    run(process.execPath, [CLI, 'rules', ...args, ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig])], {
      env: cluster.env,
    })
  const notThere = await sekisho(['pin', '4.25.1'])
  t.match(notThere, {
    code: 3,
    stderr:
      /Cannot write ConfigMap sekisho-system\/sekisho-rules-orders: namespaces "sekisho-system" not found\n {2}to mend: install Sekisho/,
  })
  await cluster.createNamespace('sekisho-system')

  t.test('status says that the service has not written yet', async (t) => {
    const { code, stdout } = await sekisho(['status'])
    t.equal(code, 1)
    t.match(stdout, /^Release {2}none yet: Pods run their image's baseline\n/)
    t.match(stdout, /ServiceSilent: It has not written yet\.\n {4}to mend: /)
  })

  t.test('status tells the stage, who is behind and the policies; nobody is needed', async (t) => {
    await writeState(cluster, rollingState())
    const { code, stdout, stderr } = await sekisho(['status'])
    t.equal(code, 0, stdout + stderr)
    t.match(stdout, /^Release {2}4\.25\.0$/m)
    t.match(stdout, /^Next {5}4\.25\.1: stage 1 of 3, 5 % of the Pods, since 0 min ago; 1 of 1 Pods run it$/m)
    t.match(stdout, /^Waiting {2}Soaking: 5 % of the Pods, until \d/m)
    t.match(stdout, /^Pods {5}3 of 4 run what they should, 1 do not run it yet$/m)
    t.match(stdout, /^ {2}shop {7}4 {5}3 {7}0 {7}1 {8}0 {9}NotYet 1$/m)
    t.match(stdout, /\nNobody is needed\.\n$/)
  })

  t.test('status --output json is one line with the same', async (t) => {
    const { code, stdout } = await sekisho(['status', '-o', 'json', '--namespace', 'pay'])
    t.equal(code, 0)
    t.match(JSON.parse(stdout), {
      current: { version: '4.25.0' },
      next: { stage: 1, of: '5 % of the Pods' },
      behind: [],
      attention: [],
    })
  })

  t.test('pin writes who and why, says what follows, and leaves other orders alone', async (t) => {
    t.match(await sekisho(['freeze', '48h', '--why', 'the sale']), {
      code: 0,
      stdout: /^No release is taken and no further stage begins until \d/,
    })
    const dry = await sekisho(['pin', '4.24.0', '--dry-run'])
    t.match(dry, {
      code: 0,
      stdout:
        /^Would pin 4\.24\.0\. The rollout of 4\.25\.1 is dropped: its Pods go back\. It is older than the current 4\.25\.0: all Pods go back to it at once\.\n$/,
    })
    t.equal((await orders(cluster)).pin, undefined)
    t.match(await sekisho(['pin', 'v4.25.0', '--why', 'calm']), { code: 0, stdout: /^Pinned 4\.25\.0\. / })
    const { pin, freeze } = await orders(cluster)
    t.match(pin, { version: '4.25.0', why: 'calm', by: /./ })
    t.not(pin?.by, 'unknown')
    t.equal(freeze?.why, 'the sale')
    t.ok(Math.abs(freeze!.until - Date.now() - 48 * 3_600_000) < 600_000)
    const { stdout, code } = await sekisho(['status'])
    t.equal(code, 0)
    t.match(stdout, /^Pinned {3}4\.25\.0 by .*: calm$/m)
    t.match(stdout, /^Frozen {3}until .*: the sale$/m)
  })

  t.test(
    'an order with --output json is one line: what stands in the ConfigMap, or would, and the words',
    async (t) => {
      const was = await orders(cluster)
      const json = async (...args: string[]) => JSON.parse((await sekisho([...args, '-o', 'json'])).stdout)
      const dry = await json('freeze', '2h', '--why', 'x', '--dry-run')
      t.match(dry, { kind: 'freeze', dryRun: true, order: { why: 'x' }, message: /^Would be: No release is taken/ })
      t.same(await orders(cluster), was, 'written nothing')
      const again = await json('pin', '4.25.0', '--why', 'calm')
      t.match(again, { kind: 'pin', dryRun: false, message: /^Pinned 4\.25\.0\./ })
      t.same(again.order, (await orders(cluster)).pin)
      t.match(await json('unpin', '--dry-run'), {
        kind: 'pin',
        order: null,
        message: 'Would unpin: 4.25.0 was pinned.',
      })
    },
  )

  t.test('rollback refuses what a pin forbids, and what is not kept', async (t) => {
    await writeState(cluster, rollingState({ next: null }))
    t.match(await sekisho(['rollback', '--why', 'x']), {
      code: 1,
      stderr:
        /^Cannot go back to 4\.24\.0: 4\.25\.0 is pinned by .*\n {2}to mend: sekisho rules pin 4\.24\.0, or sekisho rules unpin first\n$/,
    })
    t.match(await sekisho(['rollback', '--to', '3.3.0', '--why', 'x']), {
      code: 1,
      stderr:
        'Cannot go back: 3.3.0 is not kept; `sekisho rules pin 3.3.0` fetches it. Kept are: 4.25.1, 4.25.0, 4.24.0.\n',
    })
    t.match(await sekisho(['rollback', '--to', '4.25.1', '--why', 'x']), {
      code: 1,
      stderr: /^Cannot go back: 4\.25\.1 is newer than 4\.25\.0; `sekisho rules pin` rolls it out\./,
    })
    t.match(await sekisho(['rollback']), { code: 2, stderr: /--why/ })
    t.equal((await orders(cluster)).rollback, undefined)
  })

  t.test('unpin and freeze off take away their own, and say when there was nothing', async (t) => {
    t.match(await sekisho(['unpin']), { code: 0, stdout: 'Unpinned: 4.25.0 was pinned.\n' })
    t.match(await sekisho(['unpin']), { code: 0, stdout: 'Nothing was pinned.\n' })
    t.match(await sekisho(['freeze', 'off']), { code: 0, stdout: 'Releases are taken as they come.\n' })
    t.same(await orders(cluster), {})
  })

  t.test('rollback is an order that the service carries out', async (t) => {
    const before = rollingState()
    await writeState(cluster, before)
    t.match(await sekisho(['rollback', '--why', 'checkout is slow']), {
      code: 0,
      stdout: /^All Pods go back to 4\.25\.0 from 4\.25\.1\. 4\.25\.1 is not taken again until/,
    })
    const { state } = decideRollout(before, await orders(cluster), settingsOf(), factsOf(), Date.now())
    t.match(state, {
      current: { version: '4.25.0' },
      next: null,
      held: [{ release: { version: '4.25.1' }, by: 'operator' }],
    })
    await writeState(cluster, state)
    t.match(await sekisho(['resume']), {
      code: 1,
      stderr: 'Nothing is halted or set aside. Held back are: 4.25.1; name the one to take again.\n',
    })
    t.match(await sekisho(['resume', '4.25.1']), {
      code: 0,
      stdout: /^Goes on with:\n {2}4\.25\.1, held back \(RolledBack\)/,
    })
    const resumed = decideRollout(state, await orders(cluster), settingsOf(), factsOf(), Date.now())
    t.match(resumed.state.next, { release: { version: '4.25.1' } })
  })

  t.test(
    'status asks for a person when something is halted, held or unreadable, and prints nothing a terminal obeys',
    async (t) => {
      const state = rollingState()
      await writeState(cluster, {
        ...state,
        next: {
          ...state.next!,
          halted: { reason: 'BlockedShareChanged', detail: 'web\u001b[2J\u202e blocks 9 %', at: Date.now() },
        },
      })
      await cluster.kubectlOk([
        '-n',
        'sekisho-system',
        'patch',
        'configmap',
        'sekisho-rules-orders',
        '--type=merge',
        '-p',
        '{"data":{"pin":"4.25"}}',
      ])
      const { code, stdout } = await sekisho(['status'])
      t.equal(code, 1)
      t.match(
        stdout,
        /BlockedShareChanged: 4\.25\.1: web\ufffd\[2J\ufffd blocks 9 %\n {4}to mend: Look at what is blocked there; then `sekisho rules resume`/,
      )
      t.match(stdout, /OrdersUnreadable: ConfigMap sekisho-rules-orders, key pin: /)
      t.notMatch(stdout, /\u001b|\u202e/)
      t.match(await sekisho(['pin', '4.25.0']), { code: 0 }, 'a new order replaces what cannot be read')
      t.match((await orders(cluster)).pin, { version: '4.25.0' })
      await write(cluster, 'sekisho-rules-rollout', { state: '{"form":1,"current":{' })
      const damaged = await sekisho(['status'])
      t.equal(damaged.code, 1)
      t.match(
        damaged.stdout,
        /StateUnreadable: ConfigMap sekisho-rules-rollout, key state is not JSON: .*Lost: which release is current/,
      )
    },
  )

  t.test('status --namespace needs a person where the namespace’s newest rules were not taken', async (t) => {
    await writeState(cluster, rollingState())
    await sekisho(['unpin'])
    const newest = {
      revision: 'r',
      outcome: 'refused' as const,
      reason: 'RulesRefused',
      detail: 'one problem',
      problems: ['rules.conf:14: unknown operator'],
      at: Date.now(),
    }
    await write(cluster, shardName(shardOf('shop')), {
      shop: printNamespace({ ...emptyNamespace('shop'), targets: [{ policy: 'main', published: [], newest }] }),
    })
    t.equal((await sekisho(['status'])).code, 0, 'it is the tenant’s to mend')
    const { code, stdout } = await sekisho(['status', '-n', 'shop'])
    t.equal(code, 1)
    t.match(stdout, /^ {2}shop {7}main {4}RulesRefused {2}rules\.conf:14: unknown operator$/m)
  })

  t.test(
    'with the roles of the installation: the viewer looks, the operator orders, and others are told what mends it',
    async (t) => {
      const work = mkdtempSync(join(tmpdir(), 'sekisho-'))
      t.teardown(() => rmSync(work, { recursive: true }))
      await cluster.kubectl(['-n', 'sekisho-system', 'delete', 'configmap', 'sekisho-rules-orders'])
      for (const document of parseAllDocuments(readFileSync(OPERATORS, 'utf8'))) {
        const object = document.toJS() as { kind: string }
        const path = { ConfigMap: MAPS, Role: '/apis/rbac.authorization.k8s.io/v1/namespaces/sekisho-system/roles' }[
          object.kind
        ]
        if (path !== undefined) await cluster.api('POST', path, object)
      }
      const account = async (name: string, ...roles: string[]) => {
        await cluster.kubectlOk(['-n', 'sekisho-system', 'create', 'serviceaccount', name])
        for (const role of roles)
          await cluster.kubectlOk([
            '-n',
            'sekisho-system',
            'create',
            'rolebinding',
            `${name}-${role}`,
            `--role=${role}`,
            `--serviceaccount=sekisho-system:${name}`,
          ])
        return kubeconfigOf(cluster, work, name)
      }
      const nobody = await account('nobody')
      const viewer = await account('viewer', 'sekisho-rules-viewer')
      const operator = await account('operator', 'sekisho-rules-viewer', 'sekisho-rules-operator')
      const refused = await sekisho(['status'], nobody)
      t.equal(refused.code, 3)
      t.match(
        refused.stderr,
        /^error: Cannot read ConfigMap sekisho-system\/sekisho-rules-.*forbidden.*\n {2}to mend: kubectl -n sekisho-system create rolebinding NAME --role=sekisho-rules-operator/,
      )
      t.equal((await sekisho(['status'], viewer)).code, 0)
      t.match(await sekisho(['pin', '4.25.0'], viewer), {
        code: 3,
        stderr: /Cannot write ConfigMap sekisho-system\/sekisho-rules-orders: .*cannot patch/,
      })
      t.match(await sekisho(['pin', '4.25.0', '--dry-run'], viewer), { code: 3 }, 'a dry run asks the API server too')
      t.equal((await sekisho(['status'], operator)).code, 0)
      t.equal((await sekisho(['pin', '4.25.0'], operator)).code, 0)
      t.match((await orders(cluster)).pin, { by: 'system:serviceaccount:sekisho-system:operator' })
      t.equal((await sekisho(['rollback', '--why', 'x'], operator)).code, 0)
    },
  )

  t.test('orders given at the same time are all kept', async (t) => {
    await cluster.kubectlOk(['-n', 'sekisho-system', 'delete', 'configmap', 'sekisho-rules-orders'])
    const all = await Promise.all([
      sekisho(['pin', '4.25.0']),
      sekisho(['freeze', '2h']),
      sekisho(['rollback', '--to', '4.25.0', '--why', 'x']),
    ])
    t.same(
      all.map(({ code }) => code),
      [0, 0, 0],
      JSON.stringify(all.map(({ stderr }) => stderr)),
    )
    t.same(Object.keys(await orders(cluster)).toSorted(), ['freeze', 'pin', 'rollback'])
  })
})
