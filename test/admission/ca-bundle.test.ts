/** distrust: whether the API server would take our certificate by what an entry says. */
import t from 'tap'
import { distrust } from '../../src/admission/ca-bundle.ts'
import { parsePair } from '../../src/admission/certificate.ts'
import { makeCa, makeLeaf } from './support.ts'

const base64 = (...pems: string[]) => Buffer.from(pems.join('\n')).toString('base64')

t.test('distrust()', async (t) => {
  const [ca, other] = await Promise.all([makeCa(), makeCa()])
  const host = 'sekisho-webhook.sekisho-system.svc'
  const leaf = await makeLeaf(ca, { names: [host, 'localhost'] })
  const pair = parsePair(leaf.certPem, leaf.keyPem)
  const now = Date.now()
  const service = { name: 'sekisho-webhook', namespace: 'sekisho-system' }
  const entry = (clientConfig: object) => ({ name: 'pods.sekisho.dev', clientConfig })
  const cases: [what: string, clientConfig: object, says: RegExp | undefined, at?: number][] = [
    ['trusts the CA that signed', { caBundle: base64(ca.certPem), service }, undefined],
    ['trusts old and new CA together', { caBundle: base64(other.certPem, ca.certPem), service }, undefined],
    ['trusts the name in a URL', { caBundle: base64(ca.certPem), url: 'https://localhost:8443/mutate' }, undefined],
    ['knows that there is no bundle yet', { service }, /pods.sekisho.dev has no caBundle yet/],
    ['knows another CA', { caBundle: base64(other.certPem), service }, /does not verify our certificate/],
    [
      'knows garbage',
      { caBundle: base64('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'), service },
      /cannot be read/,
    ],
    ['knows a bundle without a certificate', { caBundle: base64('hello'), service }, /does not verify/],
    [
      'knows another name',
      { caBundle: base64(ca.certPem), service: { ...service, namespace: 'x' } },
      /calls us sekisho-webhook.x.svc, which is not a name/,
    ],
    [
      'knows an address that is not in it',
      { caBundle: base64(ca.certPem), url: 'https://127.0.0.1:8443/' },
      /calls us 127.0.0.1/,
    ],
    ['knows a CA that expired', { caBundle: base64(ca.certPem), service }, /does not verify/, now + 400 * 86_400_000],
  ]
  for (const [what, clientConfig, says, at = now] of cases) {
    t.test(`distrust() ${what}`, async (t) => {
      const found = distrust(entry(clientConfig), pair, at)
      if (says === undefined) t.equal(found, undefined)
      else t.match(found, says)
    })
  }
  t.test('distrust() follows an intermediate that we send', async (t) => {
    // The leaf of `other` sent with `other`'s own certificate, which the bundle holds.
    const second = await makeLeaf(other, { names: [host] })
    const chained = parsePair(second.certPem + other.certPem, second.keyPem)
    t.equal(distrust(entry({ caBundle: base64(other.certPem), service }), chained, now), undefined)
    t.match(distrust(entry({ caBundle: base64(ca.certPem), service }), chained, now), /does not verify/)
  })
})
