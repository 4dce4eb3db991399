/** The story a user lives, on a cluster in which Sekisho was just installed. Each step prints real commands with their real answers. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer, Expectation, Narrator } from './narrator.ts'
import { StoryError } from './narrator.ts'
import { type Station, withImages } from './station.ts'

/** The IDS of the demo watches only nodes with this label, so that a blind node can be shown and mended. */
export const WATCHED = { key: 'example.com/watched', value: 'true' } as const

const quoted = (arg: string): string => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`)

export class Story {
  readonly #station: Station
  readonly #tell: Narrator
  /** Where its files lie while it is told, so that kubectl's answers name them as a user's would. */
  readonly #folder = mkdtempSync(join(tmpdir(), 'sekisho-story-'))

  constructor(station: Station, tell: Narrator) {
    this.#station = station
    this.#tell = tell
  }

  async live(): Promise<void> {
    try {
      await this.blindNamespaceIsRefused()
      await this.coveredNamespaceIsAccepted()
      await this.wafInspects()
      await this.customRuleIsEnforced()
      await this.policyShowsWhatIsEnforced()
      await this.wayRoundIsClosed()
    } finally {
      this.#tell.end()
      rmSync(this.#folder, { recursive: true, force: true })
    }
  }

  async blindNamespaceIsRefused(): Promise<void> {
    this.#tell.step('1. A namespace asks for protection before the IDS watches the node')
    const node = await this.#firstNode()
    await this.#apply('namespace.yaml', { code: 1, holds: ['denied the request', node, `kubectl label node`] })
  }

  async coveredNamespaceIsAccepted(): Promise<void> {
    this.#tell.step('2. The IDS watches; and no Pod may use the network of its host')
    const { key, value } = WATCHED
    await this.#kubectl(['label', 'nodes', '--all', '--overwrite', `${key}=${value}`])
    const nodes = (await this.#quiet(['get', 'nodes', '-o', 'name'])).stdout.trim().split('\n').length
    await this.#kubectl([
      '-n',
      'sekisho-node',
      'wait',
      'daemonset/sekisho-ids',
      `--for=jsonpath={.status.numberReady}=${nodes}`,
      '--timeout=180s',
    ])
    await this.#kubectl(['-n', 'sekisho-node', 'get', 'pods', '-o', 'wide'])
    const mended =
      'kubectl label --local -f FILE -o yaml pod-security.kubernetes.io/enforce=restricted | kubectl apply -f -'
    await this.#apply('namespace.yaml', { code: 1, holds: ['denied the request', mended] })
    await this.#tell.command(mended.replace('FILE', 'namespace.yaml'), () => this.#restrict('namespace.yaml'), {
      holds: ['namespace/shop created'],
    })
  }

  async wafInspects(): Promise<void> {
    this.#tell.step('3. A labelled Pod starts behind a working WAF')
    await this.#apply('visitor.yaml', {}, false)
    await this.#apply('web.yaml', { holds: ['deployment.apps/web created'] })
    await this.#kubectl(['-n', 'shop', 'rollout', 'status', 'deployment/web', '--timeout=180s'], {
      holds: ['successfully rolled out'],
    })
    const names =
      '{range .items[*]}{.metadata.name}: {.spec.initContainers[*].name} {.spec.containers[*].name}{"\\n"}{end}'
    await this.#kubectl(['-n', 'shop', 'get', 'pods', '-l', 'app=web', '-o', `jsonpath=${names}`], {
      holds: ['sekisho-rules sekisho-waf web'],
    })
    await this.#quiet(['-n', 'default', 'wait', 'pod/visitor', '--for=condition=Ready', '--timeout=120s'])
    await this.#visit('/?item=tea', { holds: ['200 OK', 'welcome to the shop'] })
    const refused = await this.#visit("/?item=1%27%20OR%20%271%27=%271'--", { holds: ['403 Forbidden'] })
    const id = /\b[0-9a-f]{32}\b/.exec(refused.stdout)?.[0]
    if (id === undefined)
      throw new StoryError(`Cannot go on as the 403 must name a request id: current answer is ${refused.stdout}`)
    await this.#kubectl(['-n', 'shop', 'logs', 'deployment/web', '-c', 'web'], {
      holds: ['GET /?item=tea'],
      lacks: ['item=1'],
    })
    const log = await this.#quiet(['-n', 'shop', 'logs', 'deployment/web', '-c', 'sekisho-waf'])
    const records = log.stdout.split('\n').filter((line) => line.includes(id))
    const grep = async (): Promise<Answer> => ({
      ...log,
      code: records.length > 0 ? 0 : 1,
      stdout: `${records.join('\n')}\n`,
    })
    await this.#tell.command(`kubectl -n shop logs deployment/web -c sekisho-waf | grep ${id}`, grep, {
      holds: [id, '942100'],
    })
  }

  async customRuleIsEnforced(): Promise<void> {
    this.#tell.step('4. A rule of our own is enforced without a restart')
    await this.#visit('/internal/prices', { holds: ['200 OK'] })
    await this.#apply('rules.yaml', { holds: ['configmap/sekisho-rules created'] })
    this.#tell.say('… until the kubelet has brought the ConfigMap and the WAF has tried and loaded the rule')
    await this.#until(async () => (await this.#curl('/internal/prices')).stdout.includes(' 403 '), 120)
    await this.#visit('/internal/prices', { holds: ['403 Forbidden'] })
    await this.#visit('/?item=tea', { holds: ['200 OK'] })
    const restarts = '{.items[0].status.initContainerStatuses[*].restartCount}{"\\n"}'
    await this.#kubectl(['-n', 'shop', 'get', 'pods', '-l', 'app=web', '-o', `jsonpath=${restarts}`], {
      holds: [/^0 0\n/],
    })
  }

  async policyShowsWhatIsEnforced(): Promise<void> {
    this.#tell.step('5. What is enforced, and a rule with a mistake')
    await this.#apply('policy.yaml', { holds: ['wafpolicy.sekisho.dev/web created'] })
    this.#tell.say('… until the Pods have told at their next poll what they run')
    const policies = ['get', 'wafpolicies', '-A']
    await this.#until(async () => / block .* 1\/1 +True/.test((await this.#quiet(policies)).stdout), 90)
    await this.#kubectl(policies, { holds: [/ block +crs-[0-9.]+\+1 custom +1\/1 +True/] })
    const mended = 'rules.conf:1: unknown operator "@beginWith" (nearest: @beginsWith)'
    await this.#apply('rules-broken.yaml', { code: 1, holds: [mended] })
  }

  async wayRoundIsClosed(): Promise<void> {
    this.#tell.step('6. Ways round the gate')
    await this.#apply('pod-hostnetwork.yaml', { code: 1, holds: ['denied the request', 'hostNetwork'] })
    await this.#apply('pod-forged.yaml', { holds: ['pod/forged created'] })
    const images =
      '{range .spec.initContainers[*]}{.name} {.image}{"\\n"}{end}{range .spec.containers[*]}{.name} {.image}{"\\n"}{end}'
    const waf = withImages('sekisho-waf registry.local/sekisho/sekisho-waf:dev', this.#station.images)
    await this.#kubectl(['-n', 'shop', 'get', 'pod', 'forged', '-o', `jsonpath=${images}`], {
      holds: [waf],
      lacks: ['lets-everything-through'],
    })
    await this.#apply('pod-ambiguous.yaml', { code: 1, holds: ['denied the request', 'sekisho.dev/waf-ports'] })
    await this.#kubectl(['label', 'namespace', 'shop', 'sekisho.dev/waf=block'])
    await this.#apply('worker.yaml', { holds: ['Warning: ', 'deployment.apps/worker created'] })
  }

  /** What the refusal said would mend it. */
  async #restrict(file: string): Promise<Answer> {
    const level = 'pod-security.kubernetes.io/enforce=restricted'
    const cwd = this.#folder
    const labelled = await this.#station.kubectl(['label', '--local', '-f', file, '-o', 'yaml', level], { cwd })
    return labelled.code === 0 ? this.#station.kubectl(['apply', '-f', '-'], { input: labelled.stdout }) : labelled
  }

  async #firstNode(): Promise<string> {
    return (await this.#quiet(['get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}'])).stdout
  }

  /** Shows a file of the story, then applies it. */
  #apply(name: string, expectation: Expectation, show = true): Promise<Answer> {
    const content = withImages(readFileSync(new URL(`files/${name}`, import.meta.url), 'utf8'), this.#station.images)
    writeFileSync(join(this.#folder, name), content)
    if (show) this.#tell.file(name, content)
    return this.#tell.command(
      `kubectl apply -f ${name}`,
      () => this.#station.kubectl(['apply', '-f', name], { cwd: this.#folder }),
      expectation,
    )
  }

  #kubectl(args: readonly string[], expectation: Expectation = {}): Promise<Answer> {
    return this.#tell.command(`kubectl ${args.map(quoted).join(' ')}`, () => this.#station.kubectl(args), expectation)
  }

  async #quiet(args: readonly string[]): Promise<Answer> {
    const answer = await this.#station.kubectl(args)
    if (answer.code !== 0) throw new StoryError(`Cannot go on as 'kubectl ${args.join(' ')}' failed: ${answer.stderr}`)
    return answer
  }

  /** A request from another Pod through the Service's cluster address: the way a visitor comes. */
  async #visit(path: string, expectation: Expectation): Promise<Answer> {
    const address = await this.#address()
    const shown = `kubectl exec visitor -- curl -si ${quoted(`http://${address}${path}`)}`
    return this.#tell.command(shown, () => this.#curl(path), expectation)
  }

  async #curl(path: string): Promise<Answer> {
    const answer = await this.#station.kubectl([
      '-n',
      'default',
      'exec',
      'visitor',
      '--',
      'curl',
      '-si',
      '-m',
      '10',
      `http://${await this.#address()}${path}`,
    ])
    return { ...answer, stdout: answer.stdout.replaceAll('\r', '') }
  }

  async #address(): Promise<string> {
    return (await this.#quiet(['-n', 'shop', 'get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}'])).stdout
  }

  async #until(met: () => Promise<boolean>, seconds: number): Promise<void> {
    const deadline = Date.now() + seconds * 1000
    while (!(await met())) {
      if (Date.now() > deadline)
        throw new StoryError(`Cannot go on as what was waited for did not happen within ${seconds} s`)
      await sleep(500)
    }
  }
}
