/**
 * The goldens through the real webhook: what a kube-apiserver makes of NAME.yaml is what it makes of NAME.injected.yaml, and carries
 * the very sidecars and status that stand there.
 */
import tap from 'tap'
import { parseAllDocuments } from 'yaml'
import type { KubeObject } from '../../src/api/kube.ts'
import { loadConfig } from '../../src/config/load.ts'
import { webhookConfig } from '../../src/config/webhook.ts'
import { VERSION } from '../../src/version.ts'
import { at, type Loose } from './fixtures.ts'
import { CONFIG, inputFile, NAMES, outputFile, readText, versioned } from './golden.ts'
import { gate, type Namespaces } from './lab.ts'

const documents = (text: string) => parseAllDocuments(text, { version: '1.1' }).map((it) => it.toJS() as KubeObject)
const kind = (wanted: string, objects: readonly KubeObject[]) => objects.find((it) => it.kind === wanted)

/** Without what is new each time. */
function settled(pod: Loose): unknown {
  const copy = structuredClone(pod)
  for (const field of ['uid', 'creationTimestamp', 'managedFields', 'name']) delete copy.metadata[field]
  // The token's volume is put in before ours or after: in a Pod their order means nothing.
  copy.spec.volumes.sort((a: Loose, b: Loose) => a.name.localeCompare(b.name))
  const text = JSON.stringify(copy).replaceAll(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access')
  return JSON.parse(text)
}
const ours = (list: Loose[] = []) => list.filter(({ name }) => name.startsWith('sekisho-'))

/** As at the command line without --rules-directory. */
const notTold = () => ({ current: undefined, recent: [] })

tap.test('the webhook makes of each golden input what the command line makes', async (t) => {
  const inputs = new Map(NAMES.map((name) => [name, documents(readText(inputFile(name)))]))
  const namespaces: Namespaces = Object.fromEntries(
    [...inputs].map(([name, objects]) => {
      const { labels, annotations } = kind('Namespace', objects)?.metadata ?? {}
      return [name, { ...(labels && { labels }), ...(annotations && { annotations }) }]
    }),
  )
  const settings = loadConfig(webhookConfig, CONFIG).config.inject
  const { cluster } = await gate(t, { namespaces, settings, version: VERSION, told: notTold })
  for (const [name, objects] of inputs) {
    const make = async (pod: Loose) => {
      const body = { ...pod, metadata: { ...pod.metadata, namespace: name } }
      const answer = await cluster.api('POST', `/api/v1/namespaces/${name}/pods?dryRun=All`, body)
      if (answer.status !== 201) throw new Error(`${name}: ${answer.status} ${answer.body}`)
      return JSON.parse(answer.body)
    }
    const golden = kind('Pod', documents(versioned(readText(outputFile(name))))) as Loose
    const made = await make(kind('Pod', objects))
    t.same(settled(made), settled(await make(golden)), `${name}: the same Pod`)
    const status = (pod: Loose) => at(pod, 'metadata', 'annotations', 'sekisho.dev/status')
    t.equal(status(made), status(golden), `${name}: the same status`)
    t.same(ours(made.spec.initContainers), ours(golden.spec.initContainers), `${name}: the same sidecars`)
    t.same(ours(made.spec.volumes), ours(golden.spec.volumes), `${name}: the same volumes`)
  }
})
