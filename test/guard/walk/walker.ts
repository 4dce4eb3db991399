/**
 * Does what a step says. It plays everybody but Sekisho: kubelets and agents (statuses, Leases), administrators, other controllers that
 * taint, teams that scale, and the machine that kills a guard. What it changed, and when the API server had it, is kept for the judge.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ANNOTATION, TAINT_IDS_NOT_READY } from '../../../src/api/names.ts'
import { ApiError } from '../../../src/cluster/api-client.ts'
import { fakeNode } from '../../cluster/kwok.ts'
import { deployment, FREE, type Lab, NAMESPACES, POD_SPEC, POOLS, untilLed } from './lab.ts'
import type { Kind, Step } from './plan.ts'

interface Taint {
  readonly key: string
  readonly value?: string
  readonly effect: string
}
interface Raw {
  readonly metadata: {
    readonly name: string
    readonly resourceVersion: string
    readonly labels?: Readonly<Record<string, string>>
    readonly deletionTimestamp?: string
  }
  readonly spec: {
    readonly nodeName?: string
    readonly taints?: readonly Taint[]
    readonly unschedulable?: boolean
  }
  readonly status?: { readonly conditions?: readonly { type: string; status: string }[] }
}

const SENSORS = '/api/v1/namespaces/sekisho-node/pods'
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/sekisho-node/leases'
const OTHERS_KEY = 'other.example/maintenance'
/** Clocks that jump: a second, a minute, two hours; back and forth. */
const JUMPS = [1_000, -1_000, 60_000, -60_000, 7_200_000, -7_200_000]
const isReady = ({ status }: Raw) => status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'

export class Walker {
  /** By revision: when the API server's answer was here, so that it was visible by then. */
  readonly visible = new Map<number, number>()
  /** Revisions of nodes that are our own writes to what is not Sekisho's. */
  readonly others = new Set<number>()
  readonly #lab: Lab
  readonly #frozen: { readonly thaw: () => void; readonly at: number }[] = []
  #joined = 0
  #pinned = 0

  constructor(lab: Lab) {
    this.#lab = lab
  }

  /** What teams run before the walk begins. */
  async begin(replicas: number): Promise<void> {
    const { cluster } = this.#lab
    const own = NAMESPACES.map(({ name, selector }) => deployment(name, 'app', replicas, selector))
    const astray = NAMESPACES.map(({ name }) => deployment(name, 'astray', Math.ceil(replicas / 4), undefined))
    for (const object of [...own, ...astray, deployment(FREE, 'app', replicas, undefined)])
      await cluster.kubectlOk(['create', '-f', '-'], { input: JSON.stringify(object) })
  }

  async step({ kind, pick, amount, pauseMs }: Step): Promise<void> {
    try {
      await this.#doing[kind](pick, amount)
    } catch (error) {
      // What it fell on is gone, or somebody else was faster: a step that does nothing is a step too.
      if (!(error instanceof ApiError && [403, 404, 409].includes(error.status))) throw error
    }
    await sleep(pauseMs)
    for (const one of this.#frozen.splice(0)) one.thaw()
  }

  /** Gives everything back, so that the end can be told: each node covered, nothing of others in the way. */
  async end(): Promise<void> {
    for (const pod of await this.#list(SENSORS)) if (!isReady(pod)) await this.#say(pod, true)
    for (const lease of await this.#list(LEASES)) await this.#delete(`${LEASES}/${lease.metadata.name}`)
    for (const node of await this.#list('/api/v1/nodes')) {
      const { unschedulable, taints = [] } = node.spec
      if (unschedulable || taints.some(({ key }) => key === OTHERS_KEY))
        await this.#editNode(node.metadata.name, (spec) => ({
          unschedulable: false,
          taints: (spec.taints ?? []).filter(({ key }) => key !== OTHERS_KEY),
        }))
    }
  }

  readonly #doing: Readonly<Record<Kind, (pick: number, amount: number) => Promise<void>>> = {
    lose: async (pick, amount) => {
      const pods = await this.#list(SENSORS)
      const ready = pods.filter(isReady)
      // At least half of all nodes stay watched: where all is dark there is nothing to tell apart.
      const spare = Math.max(0, ready.length - Math.ceil(pods.length / 2))
      for (const pod of some(ready, pick, Math.min(amount, spare))) await this.#say(pod, false)
    },
    regain: async (pick, amount) => {
      const lost = (await this.#list(SENSORS)).filter((pod) => !isReady(pod))
      for (const pod of some(lost, pick, amount)) await this.#say(pod, true)
    },
    leaseDenies: (pick, amount) => this.#lease(pick, amount, false),
    leaseAgrees: (pick, amount) => this.#lease(pick, amount, true),
    leaseOfAnother: (pick, amount) => this.#lease(pick, amount, false, 'somebody-else'),
    deleteSensor: async (pick, amount) => {
      for (const pod of some(await this.#list(SENSORS), pick, amount))
        await this.#delete(`${SENSORS}/${pod.metadata.name}?gracePeriodSeconds=0`)
    },
    deleteNode: async (pick) => {
      const nodes = await this.#list('/api/v1/nodes')
      if (nodes.length > 12) await this.#delete(`/api/v1/nodes/${at(nodes, pick).metadata.name}`)
    },
    joinNode: async (pick, amount) => {
      for (let i = 0; i < Math.min(amount, 3); i++) {
        const pool = at(POOLS, pick + i)
        const os = (pick + i) % 5 === 0 ? 'windows' : 'linux'
        const node = fakeNode(`late-${this.#joined++}`, { pool, 'kubernetes.io/os': os }, [])
        await this.#write('POST', '/api/v1/nodes', node)
      }
    },
    cordon: (pick) => this.#anyNode(pick, () => ({ unschedulable: true })),
    uncordon: (pick) =>
      this.#anyNode(
        pick,
        () => ({ unschedulable: false }),
        ({ spec }) => spec.unschedulable === true,
      ),
    taintByOther: (pick) =>
      this.#anyNode(pick, ({ taints = [] }) => ({
        taints: [
          ...taints.filter(({ key }) => key !== OTHERS_KEY),
          { key: OTHERS_KEY, value: String(pick), effect: pick % 2 ? 'NoSchedule' : 'PreferNoSchedule' },
        ],
      })),
    untaintByOther: (pick) =>
      this.#anyNode(
        pick,
        ({ taints = [] }) => ({ taints: taints.filter(({ key }) => key !== OTHERS_KEY) }),
        ({ spec }) => spec.taints?.some(({ key }) => key === OTHERS_KEY) === true,
      ),
    // Writes all taints without having looked: ours goes too, and must come back where it belongs.
    rudeWriter: async (pick) => {
      const marked = (await this.#list('/api/v1/nodes')).filter(({ spec }) =>
        spec.taints?.some(({ key }) => key === TAINT_IDS_NOT_READY),
      )
      const node = at(marked.length > 0 ? marked : await this.#list('/api/v1/nodes'), pick)
      await this.#patchNode(node.metadata.name, { spec: { taints: [] } })
    },
    moveToPool: async (pick) => {
      const node = at(await this.#list('/api/v1/nodes'), pick)
      await this.#patchNode(node.metadata.name, { metadata: { labels: { pool: at(POOLS, pick + 1) } } })
    },
    scaleProtected: async (pick, amount) => {
      const { name } = at(NAMESPACES, pick)
      await this.#scale(name, at(['app', 'app', 'astray'], pick), ((pick + amount * 7) % 24) + 1)
    },
    scaleFree: (pick, amount) => this.#scale(FREE, 'app', ((pick + amount * 5) % 24) + 1),
    restartProtected: async (pick, amount) => {
      const path = `/api/v1/namespaces/${at(NAMESPACES, pick).name}/pods`
      for (const pod of some(await this.#list(path), pick, amount * 3))
        await this.#delete(`${path}/${pod.metadata.name}`)
    },
    // A node's name at creation, which passes no binding. Most often it is refused, or the wrong pool.
    pinPod: async (pick) => {
      const { name, selector } = at(NAMESPACES, pick)
      const nodes = (await this.#list('/api/v1/nodes')).filter(
        ({ metadata }) => pick % 3 === 0 || metadata.labels?.['pool'] === selector['pool'],
      )
      const spec = { ...POD_SPEC, nodeName: at(nodes, pick).metadata.name }
      await this.#write('POST', `/api/v1/namespaces/${name}/pods`, {
        metadata: { name: `pinned-${this.#pinned++}` },
        spec,
      })
    },
    killLeader: async () => {
      await this.#leader()?.kill()
      this.#lab.addGuard()
      await untilLed(this.#lab.guards)
    },
    freezeLeader: async () => {
      const leader = this.#leader()
      if (leader === undefined) return
      leader.freeze()
      await untilLed(this.#lab.guards)
      // It goes on where it stood, certain to lead.
      this.#frozen.push({ thaw: leader.thaw, at: Date.now() })
    },
    moveClock: async (pick) => {
      this.#leader()?.moveClock(at(JUMPS, pick))
    },
  }

  #leader() {
    return this.#lab.guards.find((one) => one.leads())
  }

  async #list(path: string): Promise<readonly Raw[]> {
    const { items } = await this.#lab.client.request<{ items: Raw[] }>('GET', path)
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  }

  async #write(method: string, path: string, body: object, contentType = 'application/json'): Promise<Raw> {
    const answer = await this.#lab.client.request<Raw>(method, path, { body, contentType })
    this.visible.set(Number(answer.metadata.resourceVersion), Date.now())
    return answer
  }

  async #delete(path: string): Promise<void> {
    await this.#lab.client.request('DELETE', path)
  }

  /** What a kubelet says of an IDS Pod. */
  async #say({ metadata }: Raw, ready: boolean): Promise<void> {
    const status = ready ? 'True' : 'False'
    const since = new Date().toISOString()
    const conditions = ['Ready', 'ContainersReady'].map((type) => ({ type, status, lastTransitionTime: since }))
    const body = { status: { phase: 'Running', conditions } }
    const path = `${SENSORS}/${metadata.name}/status`
    await this.#write('PATCH', path, body, 'application/strategic-merge-patch+json')
  }

  /** What an agent says on the Lease of its node. */
  async #lease(pick: number, amount: number, ready: boolean, holder?: string): Promise<void> {
    for (const pod of some(await this.#list(SENSORS), pick, amount)) {
      const name = pod.spec.nodeName
      if (name === undefined) continue
      const report = {
        v: 1,
        ready,
        check: ready ? '' : 'CanaryLost',
        detail: ready ? '' : 'no alert for the canary on cni0 for 72 s (limit 65 s)',
        rules: { loaded: 30_000, failed: 0, set: 'baseline', ageHours: 1 },
        interfaces: [],
        blindSpots: [],
        version: 'walk',
      }
      const metadata = {
        name,
        labels: { 'app.kubernetes.io/name': 'sekisho-ids' },
        annotations: { [ANNOTATION.idsReport]: JSON.stringify(report) },
      }
      const spec = {
        holderIdentity: holder ?? pod.metadata.name,
        renewTime: `${new Date().toISOString().slice(0, -1)}000Z`,
      }
      try {
        await this.#write('POST', LEASES, { metadata, spec })
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 409)) throw error
        await this.#write('PATCH', `${LEASES}/${name}`, { metadata, spec }, 'application/merge-patch+json')
      }
    }
  }

  async #scale(namespace: string, name: string, replicas: number): Promise<void> {
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`
    await this.#write('PATCH', path, { spec: { replicas } }, 'application/merge-patch+json')
  }

  async #anyNode(pick: number, change: (spec: Raw['spec']) => object, which: (node: Raw) => boolean = () => true) {
    const nodes = (await this.#list('/api/v1/nodes')).filter(which)
    if (nodes.length > 0) await this.#editNode(at(nodes, pick).metadata.name, change)
  }

  /** As a careful writer does it: what was read is what is replaced, else it reads again. */
  async #editNode(name: string, change: (spec: Raw['spec']) => object): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { metadata, spec } = await this.#lab.client.request<Raw>('GET', `/api/v1/nodes/${name}`)
      const { resourceVersion } = metadata
      try {
        await this.#patchNode(name, { metadata: { resourceVersion }, spec: change(spec) })
        return
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 409) || attempt === 20) throw error
      }
    }
  }

  async #patchNode(name: string, body: object): Promise<void> {
    const answer = await this.#write('PATCH', `/api/v1/nodes/${name}`, body, 'application/merge-patch+json')
    this.others.add(Number(answer.metadata.resourceVersion))
  }
}

const at = <T>(all: readonly T[], pick: number): T => all[pick % all.length]!

/** So many of them, spread from `pick` on. */
function some<T>(all: readonly T[], pick: number, amount: number): T[] {
  const stride = Math.max(1, Math.floor(all.length / Math.max(1, amount)))
  return Array.from({ length: Math.min(amount, all.length) }, (_, i) => at(all, pick + i * stride))
}
