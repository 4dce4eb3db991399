/** `sekisho inject` as a person uses it: files with many documents, options, mistakes, exit codes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tap from 'tap'
import { CONFIG, sekisho } from './golden.ts'

const inject = (yaml: string, ...args: string[]) => sekisho(['inject', '-c', CONFIG, '-f', '-', ...args], yaml)
const pod = (more = '', name = 'web') => `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop, labels: { app: web } } # kept
spec:
  containers:
    - name: web
      ports: [{ name: http, containerPort: 8080 }]
${more}`
const NAMESPACE = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: shop, labels: { sekisho.dev/waf: block } }\n'
const SERVICE = `apiVersion: v1
kind: Service
metadata:   { name: web,  namespace: shop }   # odd spaces
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
`

tap.test('sekisho inject keeps what it does not change byte by byte, and comments in what it does', async (t) => {
  const before = `# about this file\n---\n${SERVICE.replace('8080', 'http')}---\n`
  const { code, stdout } = await inject(
    `${before}${pod()}---\n# the end\nnot: an object\n...\n`,
    '--namespace-label',
    'sekisho.dev/waf=block',
  )
  t.equal(code, 0)
  t.ok(stdout.startsWith(before))
  t.ok(stdout.endsWith('---\n# the end\nnot: an object\n...\n'))
  t.match(stdout, /# kept\n/)
  t.match(stdout, /- name: sekisho-waf\n/)
  t.match(stdout, /name: app-8080/)
})

tap.test('sekisho inject takes Namespaces, Services and NetworkPolicies of the same file into account', async (t) => {
  t.match(await inject(pod()), { code: 0, stderr: 'Pod shop/web: unchanged (NotAsked)\n  nothing asks for a WAF\n' })
  t.match(await inject(`${NAMESPACE}---\n${pod()}`), { code: 0, stderr: /^Pod shop\/web: injected \(Injected\)/ })
  const refused = await inject(`${pod()}---\n${SERVICE}---\n${NAMESPACE}`)
  t.equal(refused.code, 1)
  t.match(
    refused.stderr,
    /^Pod shop\/web: refused \(ServiceByNumber\)\n {2}Pod shop\/web is refused: Service web .*\n {2}its .*\n {2}to mend: kubectl -n shop patch service web/,
  )
  t.equal(refused.stdout, `${pod()}---\n${SERVICE}---\n${NAMESPACE}`, 'what is refused comes out as it went in')
  const policy =
    'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: in, namespace: shop }\nspec: { podSelector: {}, ingress: [{ ports: [{ port: 8080 }] }] }\n'
  t.match(await inject(`${NAMESPACE}---\n${pod()}---\n${policy}`), { code: 1, stderr: /PolicyByNumber/ })
})

tap.test(
  'sekisho inject looks into templates and Lists, and tells of host networking what the guard tells',
  async (t) => {
    const list = JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'web' },
          spec: {
            template: {
              metadata: { labels: { 'sekisho.dev/waf': 'block' } },
              spec: { containers: [{ name: 'web', ports: [{ containerPort: 1 }] }] },
            },
          },
        },
      ],
    })
    const { code, stdout, stderr } = await inject(list, '-o', 'json', '-n', 'shop')
    t.equal(code, 0)
    t.match(
      stderr,
      /^Pods of Deployment shop\/web: injected \(Injected\)\n.*\n {2}warning: Pods of Deployment shop\/web: its unnamed port 1 /,
    )
    t.equal(JSON.parse(stdout).items[0].spec.template.spec.initContainers[1].name, 'sekisho-waf')
    const host = await inject(pod('  hostNetwork: true\n'), '--namespace-label', 'sekisho.dev/protected=true')
    t.match(host, { code: 1, stderr: /Pod shop\/web: refused \(HostNetworkPod\)/ })
  },
)

tap.test(
  'sekisho inject resolves aliases and merge keys, so that one place can change without the other',
  async (t) => {
    const yaml = `${NAMESPACE}---\napiVersion: v1\nkind: Pod\nmetadata: { name: web, namespace: shop }\nspec:\n  containers:\n    - &web { name: web, ports: [{ name: http, containerPort: 8080 }] }\n    - { <<: *web, name: other, ports: [{ name: metrics, containerPort: 1 }] }\n`
    const { code, stdout } = await inject(yaml, '-o', 'json')
    t.equal(code, 0)
    const [web, other] = JSON.parse(stdout).items[1].spec.containers
    t.same([web.ports[0].name, other.name, other.ports[0].name], ['app-8080', 'other', 'metrics'])
    t.match((await inject(yaml)).stdout, /name: app-8080/)
  },
)

tap.test('sekisho inject reads YAML as kubectl does', async (t) => {
  const { stdout } = await inject(
    `${NAMESPACE}---\n${pod('  volumes: [{ name: a, secret: { defaultMode: 0644 } }]\n')}`,
    '-o',
    'json',
  )
  t.equal(JSON.parse(stdout).items[1].spec.volumes[0].secret.defaultMode, 420)
  const dated = await inject('apiVersion: v1\nkind: ConfigMap\ndata: { day: 2030-01-01 }\n', '-o', 'json')
  t.equal(JSON.parse(dated.stdout).data.day, '2030-01-01')
})

tap.test('sekisho inject without a configuration judges by that of a fresh installation, and says so', async (t) => {
  const { code, stdout, stderr } = await sekisho(['inject', '-f', '-'], `${NAMESPACE}---\n${pod()}`)
  t.equal(code, 0)
  t.match(stderr, /^note: no --config: judged by the settings of a fresh installation, capture port, image /)
  const image = /image (\S+)/.exec(stderr)?.[1] ?? ''
  t.match(stdout, `image: ${image}`)
  t.match(readFileSync('manifests/base/webhook.yaml', 'utf8'), image, 'the image of the manifests')
})

tap.test('sekisho inject says what is wrong with its input, and exits with 2', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-test-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const bad = join(folder, 'bad.yaml')
  writeFileSync(bad, 'inject: { capture: port, image: x, lowestmode: detect }\n')
  const cases: [string, string[], RegExp][] = [
    ['', ['inject', '-c', CONFIG], /required option '-f, --file <path>'/],
    ['a: [', ['inject', '-c', CONFIG, '-f', '-'], /^error: Cannot read stdin: .* at line 1/],
    ['', ['inject', '-c', CONFIG, '-f', join(folder, 'none.yaml')], /^error: Cannot read .*none\.yaml: ENOENT/],
    ['', ['inject', '-c', bad, '-f', '-'], /did you mean 'inject\.lowestMode'/],
    ['', ['inject', '-c', CONFIG, '-f', '-', '-o', 'xml'], /must be yaml or json/],
    ['', ['inject', '-c', CONFIG, '-f', '-', '--namespace-label', 'x'], /must be KEY=VALUE/],
  ]
  for (const [stdin, args, words] of cases) {
    const { code, stdout, stderr } = await sekisho(args, stdin)
    t.equal(code, 2, args.join(' '))
    t.match(stderr, words)
    t.equal(stdout, '')
  }
})

tap.test(
  'sekisho inject takes the image from --waf-image where the file names none, and odd objects as they are',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sekisho-test-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const config = join(folder, 'webhook.yaml')
    writeFileSync(config, 'inject: { capture: port }\n')
    const { stdout } = await sekisho(
      ['inject', '-c', config, '--waf-image', 'registry.example/own:2', '-f', '-'],
      `${NAMESPACE}---\n${pod()}`,
    )
    t.match(stdout, 'image: registry.example/own:2')
    const odd = 'kind: Pod\n---\napiVersion: v1\nkind: Pod\n---\napiVersion: apps/v1\nkind: Deployment\n---\n42\n'
    const answer = await inject(odd)
    t.match(answer, { code: 1, stdout: odd, stderr: /^Pod default\/\(unnamed\): refused \(Malformed\)/ })
  },
)
