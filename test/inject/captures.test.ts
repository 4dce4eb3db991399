import tap from 'tap'
import { chooseCaptures } from '../../src/inject/captures.ts'
import { entriesOf } from '../../src/inject/entries.ts'
import { parsePortAnnotation } from '../../src/inject/port-annotation.ts'
import { podWith } from './fixtures.ts'

/** `http:8080` or `:8080`, with `/UDP` where it is not TCP. */
const port = (text: string) => {
  const [, name, number, protocol] = /^(.*):(\d+)(?:\/(.+))?$/.exec(text)!
  return { ...(name && { name }), containerPort: Number(number), ...(protocol && { protocol }) }
}
const containers = (text: string) =>
  text.split(' | ').map((ports, i) => ({ name: `c${i}`, ports: ports.split(' ').filter(Boolean).map(port) }))

function choose(text: string, annotation?: string, itself = true, init: unknown[] = []): string {
  const listed = annotation === undefined ? undefined : parsePortAnnotation(annotation)
  if (listed !== undefined && 'fault' in listed) return listed.fault
  const chosen = chooseCaptures(
    entriesOf(podWith({ containers: containers(text), initContainers: init })),
    listed,
    itself,
  )
  if ('problem' in chosen) return chosen.problem.code
  const captures = chosen.captures.map((it) => `${it.name}=${it.listener}:${it.port}:${it.protocol}`)
  return [...captures, ...chosen.notes.map(({ code, values }) => `${code}(${values['port']})`)].join(' ')
}

const CASES: [string, string | undefined, string][] = [
  ['http:8080', undefined, 'http=15080:8080:http'],
  ['http-api:8080', undefined, 'http-api=15080:8080:http'],
  [
    'http2:1 web:2 grpc:3 h2c:4 web-ui:5 grpc-x:6',
    undefined,
    'http2=15080:1:http web=15081:2:http grpc=15082:3:grpc h2c=15083:4:http web-ui=15084:5:http grpc-x=15085:6:grpc',
  ],
  ['httpd:1 webber:2 xhttp:3 grpcs2:4', undefined, 'NoHttpPort'],
  ['http:8080 | grpc:9090', undefined, 'http=15080:8080:http grpc=15081:9090:grpc'],
  ['http:8080 | http:9090', undefined, 'http=15080:8080:http http-9090=15081:9090:http'],
  ['grpc:1 | grpc:2', undefined, 'grpc=15080:1:grpc grpc-2=15081:2:grpc'],
  ['http:8080 | http:8080', undefined, 'http=15080:8080:http'],
  ['http:8080 web:8080', undefined, 'SharedPort'],
  ['http:8080 metrics:8080', undefined, 'SharedPort'],
  ['http:8080 | app-8080:8080', undefined, 'SharedPort'],
  ['http:8080 app-8080:9090', undefined, 'PortNameTaken'],
  ['http:8080 | http-9090:1 | http:9090', undefined, 'PortNameTaken'],
  [':8080', undefined, 'http=15080:8080:http PortNamed(8080)'],
  ['metrics:9100 :8080', undefined, 'http=15080:8080:http PortNamed(8080)'],
  [':8080 :9090', undefined, 'AmbiguousPorts'],
  [':8080 | :8080', undefined, 'http=15080:8080:http PortNamed(8080)'],
  [':8080/UDP', undefined, 'NoHttpPort'],
  ['app-8080:8080', undefined, 'http=15080:8080:http PortNamed(8080)'],
  ['metrics:9100', undefined, 'NoHttpPort'],
  ['https:8443', undefined, 'TlsPort'],
  ['http:8080 https:8443', undefined, 'http=15080:8080:http TlsOpen(8443)'],
  ['http:8080 http-3:8443/UDP', undefined, 'http=15080:8080:http NotTcp(8443)'],
  ['http:8080 :15021', undefined, 'PortClash'],
  ['http:8080 x:15080', undefined, 'PortClash'],
  ['http:8080 x:15081', undefined, 'http=15080:8080:http'],
  ['http:8080 x:15080/UDP', undefined, 'http=15080:8080:http'],
  ['', undefined, 'NoHttpPort'],
  ['front:8080', '8080', 'front=15080:8080:http'],
  ['front:8080 back:9090', '9090/grpc, 8080', 'back=15080:9090:grpc front=15081:8080:http'],
  ['http:8080 :9090', '9090/grpc,8080', 'grpc=15080:9090:grpc http=15081:8080:http PortNamed(9090)'],
  [':8080 http:9090', '8080', 'http-8080=15080:8080:http PortNotListed(9090) PortNamed(8080)'],
  ['http:8080 https:8443', '8080,8443/tls', 'http=15080:8080:http'],
  ['https:8443', '8443/tls', 'TlsPort'],
  ['http:8080', '8800', 'PortNotDeclared'],
  ['http:8080/UDP', '8080', 'PortNotDeclared'],
  ['http:8080 | http:9090', '8080', 'PortNameTaken'],
  ['http:8080', '', 'an entry of it is empty'],
  ['http:8080', '8080,', 'an entry of it is empty'],
  ['http:8080', '8080,8080/grpc', '8080 stands there twice'],
  ['http:8080', '08080', '08080 is no port'],
  ['http:8080', '65536', '65536 is no port'],
  ['http:8080', '0', '0 is no port'],
  ['http:8080', '8080/h2', '8080/h2 is no port'],
  ['http:8080', 'http', 'http is no port'],
  ['http:8080', '1,'.repeat(64), 'it has more than 64 entries'],
]

tap.test('chooseCaptures() takes ports by annotation, else by name, else the single unnamed one', async (t) => {
  for (const [ports, annotation, expected] of CASES) {
    t.equal(choose(ports, annotation), expected, `${ports} [${annotation}]`)
  }
})

tap.test('chooseCaptures() guesses no unnamed port for a Pod that does not ask by itself', async (t) => {
  t.equal(choose(':8080', undefined, false), 'NoHttpPort')
  t.equal(choose(':8080 :9090', undefined, false), 'NoHttpPort')
  t.equal(choose('http:8080', undefined, false), 'http=15080:8080:http')
})

tap.test('chooseCaptures() takes ports of native sidecars, not of init containers that end', async (t) => {
  const init = (restartPolicy?: string) => [
    { name: 'side', ports: [port('web:4180')], ...(restartPolicy && { restartPolicy }) },
  ]
  t.equal(choose('http:8080', undefined, true, init('Always')), 'http=15080:8080:http web=15081:4180:http')
  t.equal(choose('http:8080', undefined, true, init()), 'http=15080:8080:http')
  t.equal(choose('http:8080', undefined, true, [{ name: 'side', ports: [port('x:15080')] }]), 'PortClash')
})

tap.test('chooseCaptures() takes sixteen ports and refuses the seventeenth', async (t) => {
  const many = (n: number) => Array.from({ length: n }, (_, i) => `http-${i}:${3000 + i}`).join(' ')
  t.match(choose(many(16)), /^http-0=15080:3000:http .* http-15=15095:3015:http$/)
  t.equal(choose(many(17)), 'TooManyPorts')
})

tap.test('entriesOf() reads the names that a WAF in the Pod says it took over', async (t) => {
  const waf = (ports: string, more: object = {}) => [
    {
      name: 'sekisho-waf',
      env: [{ name: 'SEKISHO_PORTS', value: ports }],
      ports: [
        { name: 'web', containerPort: 15080 },
        { name: 'sekisho-health', containerPort: 15021 },
      ],
      ...more,
    },
  ]
  const names = (initContainers: unknown[]) =>
    entriesOf(podWith({ containers: containers('app-8080:8080 app-9090:9090 http:1'), initContainers })).map(
      (it) => it.name,
    )
  t.same(names(waf('15080:8080:http')), ['web', undefined, 'http'])
  t.same(names(waf('15021:8080:http')), [undefined, undefined, 'http'], 'a name of ours is none of the app’s')
  t.same(names(waf('15080:7070:http')), [undefined, undefined, 'http'])
  t.same(names(waf(':::,,x,15080', { ports: null })), [undefined, undefined, 'http'])
  t.same(names([]), [undefined, undefined, 'http'])
})
