/** Installs Sekisho as a user does: an overlay on manifests/base, `kubectl apply -k`, and waiting until the first call works. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import type { Narrator } from './narrator.ts'
import { IMAGE_DEFAULT, type Station } from './station.ts'
import { WATCHED } from './story.ts'

const BASE = resolve(import.meta.dirname, '../../manifests/base')
const IMAGES = ['sekisho', 'sekisho-waf', 'sekisho-ids'] as const

/** The overlay's text: the cluster's images, and an IDS that watches only labelled nodes, so that a blind node can be shown. */
export function overlay(base: string, images: Station['images'], interfaces?: string): string {
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
`
}

export async function install(station: Station, tell: Narrator): Promise<void> {
  tell.step('Install')
  const work = realpathSync(mkdtempSync(join(tmpdir(), 'sekisho-install-')))
  const folder = join(work, 'overlay')
  try {
    mkdirSync(folder)
    const text = overlay(relative(folder, BASE), station.images, station.interfaces)
    writeFileSync(join(folder, 'kustomization.yaml'), text)
    tell.file('overlay/kustomization.yaml', text)
    await tell.command('kubectl apply -k overlay', () => station.kubectl(['apply', '-k', 'overlay'], { cwd: work }), {
      holds: ['validatingwebhookconfiguration.admissionregistration.k8s.io/sekisho created'],
    })
    for (const args of [
      ['-n', 'sekisho-system', 'wait', 'job', '--all', '--for=condition=Complete', '--timeout=180s'],
      ['-n', 'sekisho-system', 'rollout', 'status', 'deployment/sekisho-webhook', '--timeout=180s'],
    ])
      await tell.command(`kubectl ${args.join(' ')}`, () => station.kubectl(args))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
