/**
 * etcd and kube-apiserver: all that admission, RBAC and watches need. Nothing runs Pods here, and no controller acts unless asked for:
 * a Pod is stored and stays Pending, a Deployment makes no Pods, a deleted namespace stays Terminating.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Api, apiCaller } from './api.ts'
import { controlPlaneIdentities, kubeConfigText, writeCertificates } from './certificates.ts'
import { logFile, Part, PartError, untilReady } from './part.ts'
import { freePorts } from './ports.ts'
import type { Context } from './spec.ts'

export interface ControlPlaneInput extends Context {
  readonly parts: Part[]
  /** Put before each command, to run it inside a node's namespaces. */
  readonly enter: readonly string[]
  readonly etcdPorts: readonly [number, number]
  readonly port: number
  /** The address on which nodes reach the API server; without one it listens on 127.0.0.1 alone. */
  readonly address?: string
}

export const pkiFolder = (work: string): string => join(work, 'pki')
export const serverUrl = (port: number): string => `https://127.0.0.1:${port}`
export const auditLogFile = (work: string): string => join(work, 'logs', 'audit.log')
export const SERVICE_RANGE = '10.96.0.0/16'

/** Starts a control plane on free ports of 127.0.0.1, once more with others when another program was faster. */
export async function startControlPlaneHere(context: Context, parts: Part[]): Promise<string> {
  await writeCertificates(pkiFolder(context.spec.work), controlPlaneIdentities())
  for (let attempt = 1; ; attempt++) {
    const [port, client, peer] = (await freePorts(3)) as [number, number, number]
    try {
      const api = await startApiServer({ ...context, parts, enter: [], etcdPorts: [client, peer], port })
      if (context.spec.controllers.length > 0) await startControllers(context, parts, [], port)
      if (context.spec.scheduler) await startScheduler(context, parts, [], port)
      await defaultServiceAccount(api)
      return serverUrl(port)
    } catch (error) {
      if (attempt === 3 || !(error instanceof PartError) || !error.message.includes('address already in use'))
        throw error
      await Promise.all(parts.splice(0).map((part) => part.stop()))
    }
  }
}

/** Starts etcd and kube-apiserver and waits until the server says that it is ready. */
export async function startApiServer(input: ControlPlaneInput): Promise<Api> {
  const { spec, signal, parts, enter } = input
  const start = (name: string, args: string[]) => {
    const part = new Part({ name, command: spec.binaries[name]!, args, enter }, spec.work)
    parts.push(part)
    return part
  }
  start('etcd', etcdArgs(spec.work, ...input.etcdPorts))
  const server = start('kube-apiserver', await apiServerArgs(input))
  const api = apiCaller(serverUrl(input.port), pkiFolder(spec.work))
  await untilReady(server, parts, async () => (await api('GET', '/readyz')).status === 200, signal)
  return api
}

function etcdArgs(work: string, client: number, peer: number): string[] {
  const url = (port: number) => `http://127.0.0.1:${port}`
  return [
    `--data-dir=${join(work, 'etcd')}`,
    `--listen-client-urls=${url(client)}`,
    `--advertise-client-urls=${url(client)}`,
    `--listen-peer-urls=${url(peer)}`,
    `--initial-advertise-peer-urls=${url(peer)}`,
    `--initial-cluster=default=${url(peer)}`,
    // The data is thrown away at the end: no reason to wait for a disk.
    '--unsafe-no-fsync',
    '--quota-backend-bytes=4294967296',
  ]
}

async function apiServerArgs({ spec, etcdPorts, port, address }: ControlPlaneInput): Promise<string[]> {
  const pki = (file: string) => join(pkiFolder(spec.work), file)
  const args = [
    `--etcd-servers=http://127.0.0.1:${etcdPorts[0]}`,
    `--secure-port=${port}`,
    `--bind-address=${address === undefined ? '127.0.0.1' : '0.0.0.0'}`,
    // The server refuses to advertise a loopback address; without nodes nobody reads the one it is given.
    `--advertise-address=${address ?? '192.0.2.1'}`,
    `--tls-cert-file=${pki('apiserver.crt')}`,
    `--tls-private-key-file=${pki('apiserver.key')}`,
    `--client-ca-file=${pki('ca.crt')}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--service-cluster-ip-range=${SERVICE_RANGE}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${pki('sa.pub')}`,
    `--service-account-signing-key-file=${pki('sa.key')}`,
    // Services are resolved to an endpoint by the server itself, webhooks' too: no dependence on kube-proxy's timing.
    '--enable-aggregator-routing=true',
    // A stop does not wait for watches that nobody reads any more.
    '--shutdown-delay-duration=0s',
  ]
  if (address !== undefined)
    args.push(
      `--kubelet-client-certificate=${pki('kubelet-client.crt')}`,
      `--kubelet-client-key=${pki('kubelet-client.key')}`,
      `--kubelet-certificate-authority=${pki('ca.crt')}`,
      '--kubelet-preferred-address-types=InternalIP',
    )
  if (spec.auditPolicy !== undefined) {
    const policy = join(spec.work, 'audit-policy.json')
    await writeFile(policy, JSON.stringify(spec.auditPolicy))
    args.push(
      `--audit-policy-file=${policy}`,
      `--audit-log-path=${auditLogFile(spec.work)}`,
      '--audit-log-mode=blocking',
    )
  }
  return [...args, ...spec.apiServerArgs]
}

/** Starts the controller-manager: all its controllers, or those that the spec names. */
export async function startControllers(
  { spec, signal }: Context,
  parts: Part[],
  enter: readonly string[],
  port: number,
): Promise<Part> {
  const pki = (file: string) => join(pkiFolder(spec.work), file)
  const kubeconfig = await writeKubeConfig(spec.work, 'controller-manager', port)
  const args = [
    `--kubeconfig=${kubeconfig}`,
    '--use-service-account-credentials',
    `--service-account-private-key-file=${pki('sa.key')}`,
    `--root-ca-file=${pki('ca.crt')}`,
    `--cluster-signing-cert-file=${pki('ca.crt')}`,
    `--cluster-signing-key-file=${pki('ca.key')}`,
    '--leader-elect=false',
    // At the default of 20 calls a second the first service account comes five seconds later.
    '--kube-api-qps=400',
    '--kube-api-burst=800',
    `--flex-volume-plugin-dir=${join(spec.work, 'volume-plugins')}`,
    ...(spec.controllers.length > 0 ? [`--controllers=${spec.controllers.join(',')}`] : []),
    // Its own port serves metrics and health only, and two clusters on one machine would quarrel about it.
    '--secure-port=0',
  ]
  const name = 'kube-controller-manager'
  const part = new Part({ name, command: spec.binaries[name]!, args, enter }, spec.work)
  parts.push(part)
  const started = async () => (await readFile(logFile(spec.work, name), 'utf8')).includes('Caches are synced')
  await untilReady(part, parts, started, signal)
  return part
}

/** Starts the scheduler. */
export async function startScheduler({ spec }: Context, parts: Part[], enter: readonly string[], port: number) {
  const kubeconfig = await writeKubeConfig(spec.work, 'scheduler', port)
  const qps = ['--kube-api-qps=400', '--kube-api-burst=800']
  // Its own port serves metrics and health only, and two clusters on one machine would quarrel about it.
  const args = [`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--secure-port=0', ...qps]
  const command = spec.binaries['kube-scheduler']!
  parts.push(new Part({ name: 'kube-scheduler', command, args, enter }, spec.work))
}

/** Without its controller nobody makes the service account that every Pod names, and no Pod would be admitted in `default`. */
async function defaultServiceAccount(api: Api): Promise<void> {
  const path = '/api/v1/namespaces/default/serviceaccounts'
  for (let attempt = 0; attempt < 100; attempt++) {
    const { status } = await api('POST', path, { metadata: { name: 'default' } })
    if (status === 201 || status === 409) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(
    'Cannot make the service account `default` in the namespace `default`: the API server refused it for 5 s',
  )
}

/** Writes the kubeconfig of one identity and returns its path. */
export async function writeKubeConfig(
  work: string,
  identity: string,
  port: number,
  host = '127.0.0.1',
): Promise<string> {
  const path = join(work, `${identity}.kubeconfig`)
  const server = `https://${host}:${port}`
  await writeFile(path, await kubeConfigText({ server, pki: pkiFolder(work), identity }), { mode: 0o600 })
  return path
}

/** The folders every cluster has. */
export async function prepareWork(work: string): Promise<void> {
  for (const folder of ['logs', 'pki']) await mkdir(join(work, folder), { recursive: true, mode: 0o700 })
}
