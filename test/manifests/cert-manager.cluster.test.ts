/**
 * The cert-manager component against cert-manager's own CRDs on a real API server: every field is known, and the guide's
 * way from our job to cert-manager works as it is written. cert-manager itself does not run here.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import type { KubeObject } from '../../src/api/kube.ts'
import { must, run } from '../cluster/run.ts'
import { startCluster } from '../cluster/start.ts'
import { BASE, MANIFESTS } from './render.ts'

/** CRDs out of the checksummed Go module. Their labels are Helm's templates and say nothing about the types. */
const crds = async (): Promise<KubeObject[]> => {
  const env = { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off' }
  const said = await must('go', ['mod', 'download', '-json', 'github.com/cert-manager/cert-manager'], {
    cwd: join(import.meta.dirname, 'cert-manager'),
    env,
  })
  const { Dir } = JSON.parse(said) as { Dir: string }
  return ['certificates', 'issuers'].map((name) => {
    const crd = parse(readFileSync(join(Dir, `deploy/crds/crd-${name}.yaml`), 'utf8')) as KubeObject
    return { ...crd, metadata: { name: crd.metadata!.name! } }
  })
}

t.test('the cert-manager component is accepted, and the guide leads to it', async (t) => {
  const cluster = await startCluster({ size: 'control-plane', name: 'cert-manager' })
  t.teardown(() => cluster.stop())
  for (const crd of await crds()) await cluster.kubectlOk(['create', '-f', '-'], { input: JSON.stringify(crd) })
  await cluster.established('--all')
  await cluster.kubectlOk(['apply', '-k', BASE])

  const guide = readFileSync(join(MANIFESTS, '../docs/guides/cert-manager.md'), 'utf8')
  const overlay = guide.match(/```yaml\n([\s\S]*?)```/)![1]!
  const commands = guide.match(/```sh\n([\s\S]*?)```/)![1]!
  const work = mkdtempSync(join(tmpdir(), 'sekisho-overlay-'))
  t.teardown(() => rmSync(work, { recursive: true, force: true }))
  writeFileSync(join(work, 'kustomization.yaml'), overlay.replaceAll('../sekisho/manifests', relative(work, MANIFESTS)))
  for (const line of commands.trim().split('\n')) {
    const { code, stdout, stderr } = await run('sh', ['-c', line], { env: cluster.env, cwd: work })
    t.same([code, stderr], [0, ''], line)
    t.ok(stdout.length > 0)
  }

  const strict = await cluster.kubectl(['apply', '-k', work, '--dry-run=server', '--validate=strict'], { cwd: work })
  t.same([strict.code, strict.stderr], [0, ''], 'no field that cert-manager does not know')
  const left = await cluster.kubectlOk(['get', 'secret', '-n', 'sekisho-system', '-o', 'name'])
  t.same(left.trim().split('\n'), ['secret/sekisho-rules-signing'], 'the job keeps to its keys')
  const roles = await cluster.kubectlOk([
    'get',
    'clusterrole,clusterrolebinding',
    '-l',
    'app.kubernetes.io/part-of=sekisho',
    '-o',
    'name',
  ])
  t.notMatch(roles, 'sekisho-certs')
  const bad = {
    apiVersion: 'cert-manager.io/v1',
    kind: 'Certificate',
    metadata: { name: 'x', namespace: 'default' },
    spec: { dnsName: [] },
  }
  const refused = await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(bad) })
  t.equal(refused.code, 1, 'the types really are checked')
  t.match(refused.stderr, /unknown field "spec\.dnsName"/)
})
