/** Installs Sekisho as a user does: an overlay on manifests/base, `kubectl apply -k`, and waiting until the first call works. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { parse, stringify } from 'yaml'
import type { Narrator } from './narrator.ts'
import { IMAGE_DEFAULT, type Station } from './station.ts'
import { WATCHED } from './story.ts'

const BASE = resolve(import.meta.dirname, '../../manifests/base')
const IMAGES = ['sekisho', 'sekisho-waf', 'sekisho-ids'] as const

/** The overlay's text: the cluster's images, and an IDS that watches only labelled nodes, so that a blind node can be shown. */
export function overlay(base: string, images: Station['images'], interfaces?: string, more = ''): string {
  const image = IMAGES.map(
    (name) =>
      `  - {name: ${IMAGE_DEFAULT.prefix}/${name}, newName: "${images.prefix}/${name}", newTag: "${images.tag}"}`,
  )
  const watched = [
    {
      op: 'add',
      path: `/spec/template/spec/nodeSelector/${WATCHED.key.replace('/', '~1')}`,
      value: WATCHED.value,
    },
    ...(interfaces === undefined
      ? []
      : [
          {
            op: 'add',
            path: '/spec/template/spec/containers/0/env/-',
            value: { name: 'SEKISHO_IDS_INTERFACES', value: interfaces },
          },
        ]),
  ]
  return `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ${base}
images:
${image.join('\n')}
patches:
  - target: {kind: DaemonSet, name: sekisho-ids}
    patch: '${JSON.stringify(watched)}'
${more}`
}

/**
 * A cluster of this machine has no DNS of its own: Pods are given the address of the Service to connect to. It is known once the Service
 * is made, so the settings are applied a second time, as an administrator would.
 */
export async function reachWithoutDns(station: Station): Promise<void> {
  if (station.dns !== false) return
  const read = async (...args: string[]) => {
    const { code, stdout, stderr } = await station.kubectl(['-n', 'sekisho-system', ...args])
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const address = await read('get', 'service', 'sekisho-rules', '-o', 'jsonpath={.spec.clusterIP}')
  const deployment = JSON.parse(await read('get', 'deployment', 'sekisho-webhook', '-o', 'json')) as {
    spec: { template: { spec: { volumes: { name: string; configMap?: { name: string } }[] } } }
  }
  const settings = deployment.spec.template.spec.volumes.find(({ name }) => name === 'config')?.configMap?.name ?? ''
  const text = await read('get', 'configmap', settings, '-o', 'jsonpath={.data.webhook\\.yaml}')
  const config = parse(text) as { inject: { updates?: object } }
  config.inject.updates = { ...config.inject.updates, connectTo: `${address}:443` }
  const data = { 'webhook.yaml': stringify(config) }
  await read('patch', 'configmap', settings, '--type=merge', '-p', JSON.stringify({ data }))
  // Read at start: whoever has started already starts again.
  await read('rollout', 'restart', 'deployment/sekisho-webhook')
}

/** What an administrator's own overlay says besides: text of the kustomization, and files it names. */
export interface More {
  readonly text: string
  readonly files: Readonly<Record<string, string>>
}

export async function install(station: Station, tell: Narrator, more: More = { text: '', files: {} }): Promise<void> {
  tell.step('Install')
  const work = realpathSync(mkdtempSync(join(tmpdir(), 'sekisho-install-')))
  const folder = join(work, 'overlay')
  try {
    mkdirSync(folder)
    const text = overlay(relative(folder, BASE), station.images, station.interfaces, more.text)
    for (const [name, content] of Object.entries(more.files)) writeFileSync(join(folder, name), content)
    writeFileSync(join(folder, 'kustomization.yaml'), text)
    tell.file('overlay/kustomization.yaml', text)
    await tell.command('kubectl apply -k overlay', () => station.kubectl(['apply', '-k', 'overlay'], { cwd: work }), {
      holds: ['validatingwebhookconfiguration.admissionregistration.k8s.io/sekisho created'],
    })
    await reachWithoutDns(station)
    for (const args of [
      ['-n', 'sekisho-system', 'wait', 'job', '--all', '--for=condition=Complete', '--timeout=180s'],
      ['-n', 'sekisho-system', 'rollout', 'status', 'deployment/sekisho-webhook', '--timeout=180s'],
    ])
      await tell.command(`kubectl ${args.join(' ')}`, () => station.kubectl(args))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
