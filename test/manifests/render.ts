/** The manifests as kubectl renders them, for tests: text, objects, and the webhook configurations turned to a server beside the API server. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { KubeObject } from '../../src/api/kube.ts'
import { ensureBinaries } from '../cluster/binaries.ts'
import { must } from '../cluster/run.ts'

export const MANIFESTS = resolve(import.meta.dirname, '../../manifests')
export const BASE = join(MANIFESTS, 'base')

export interface WebhookEntry {
  readonly name: string
  readonly failurePolicy: string
  readonly timeoutSeconds: number
  readonly sideEffects: string
  readonly matchPolicy: string
  readonly reinvocationPolicy?: string
  readonly admissionReviewVersions: readonly string[]
  readonly clientConfig: {
    readonly caBundle?: string
    readonly url?: string
    readonly service?: {
      readonly name: string
      readonly namespace: string
      readonly path: string
      readonly port: number
    }
  }
}
export interface Configuration extends KubeObject {
  readonly webhooks: readonly WebhookEntry[]
}

/** `kubectl kustomize FOLDER`. */
export const render = async (folder: string): Promise<string> => {
  const { kubectl } = await ensureBinaries(['kubectl'])
  return must(kubectl!, ['kustomize', folder])
}

export const objectsOf = (text: string): KubeObject[] =>
  parseAllDocuments(text).map((each) => each.toJS() as KubeObject)

/** Renders an overlay whose text names the folder of the base as BASE and the folder of all manifests as MANIFESTS. */
export const renderOverlay = async (text: string): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'sekisho-overlay-'))
  try {
    const at = (path: string) => relative(folder, path)
    await writeFile(
      join(folder, 'kustomization.yaml'),
      text.replaceAll('MANIFESTS', at(MANIFESTS)).replaceAll('BASE', at(BASE)),
    )
    return await render(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export const find = <T extends KubeObject>(objects: readonly KubeObject[], kind: string, name: string): T => {
  const found = objects.find((object) => object.kind === kind && object.metadata?.name?.startsWith(name))
  if (!found) throw new Error(`no ${kind} ${name} among ${objects.length} objects`)
  return found as T
}

export const configurationsOf = (objects: readonly KubeObject[]): Configuration[] =>
  objects.filter((object): object is Configuration => object.kind?.endsWith('WebhookConfiguration') === true)

/** The same configurations, calling `origin` instead of the Service; `pathOf` may tell entries apart by their path. */
export const callingUrl = (
  configurations: readonly Configuration[],
  origin: string,
  caPem: string,
  pathOf: (entry: WebhookEntry, kind: string) => string = (entry) => entry.clientConfig.service!.path,
): Configuration[] =>
  configurations.map((configuration) => ({
    ...configuration,
    webhooks: configuration.webhooks.map((entry) => ({
      ...entry,
      clientConfig: {
        url: `${origin}${pathOf(entry, configuration.kind ?? '')}`,
        caBundle: Buffer.from(caPem).toString('base64'),
      },
    })),
  }))
