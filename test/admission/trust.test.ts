/** watchTrust: what the API server would make of our certificate, looked up beside the probes. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { parsePair } from '../../src/admission/certificate.ts'
import { type Configuration, untrusted, watchTrust } from '../../src/admission/trust.ts'
import { makeCa, makeLeaf } from './support.ts'

const until = async (holds: () => boolean) => {
  for (let i = 0; i < 200 && !holds(); i++) await sleep(10)
  return holds()
}

t.test('watchTrust()', async (t) => {
  const [ca, other] = await Promise.all([makeCa(), makeCa()])
  const pairOf = async (from: typeof ca) => {
    const leaf = await makeLeaf(from)
    return parsePair(leaf.certPem, leaf.keyPem)
  }
  const [pair, next] = [await pairOf(ca), await pairOf(other)]
  const trusting = (pem: string): Configuration[] => [
    {
      title: 'A',
      entries: [
        { name: 'a', clientConfig: { caBundle: Buffer.from(pem).toString('base64'), url: 'https://localhost/' } },
      ],
    },
  ]

  t.test('untrusted() names the configuration and the entry', async (t) => {
    t.equal(untrusted(trusting(ca.certPem), pair, Date.now()), undefined)
    t.equal(
      untrusted([...trusting(ca.certPem), { title: 'B', entries: undefined }], pair, Date.now()),
      'B does not exist yet',
    )
    t.match(untrusted(trusting(other.certPem), pair, Date.now()), /^A: a has a caBundle that does not verify/)
  })

  t.test(
    'watchTrust() passes once it is trusted, and an API server that does not answer takes nothing away',
    async (t) => {
      const ending = new AbortController()
      t.teardown(() => ending.abort())
      let answer: (() => Configuration[]) | undefined = () => trusting(other.certPem)
      let reads = 0
      let certificate = pair
      const check = watchTrust({
        read: async () => {
          reads++
          if (answer === undefined) throw new Error('connect ECONNREFUSED')
          return answer()
        },
        certificate: () => certificate,
        signal: ending.signal,
        whileNoMs: 5,
        whileYesMs: 5,
      })
      t.equal(check(), 'not looked at yet')
      t.ok(await until(() => /does not verify/.test(check() ?? '')))
      answer = undefined
      t.ok(await until(() => /^Cannot read the webhook configurations: connect ECONNREFUSED/.test(check() ?? '')))
      answer = () => trusting(ca.certPem)
      t.ok(await until(() => check() === undefined), 'trusted')
      answer = undefined
      const before = reads
      await until(() => reads > before + 3)
      t.equal(check(), undefined, 'and it stays so while nothing can be read')
      answer = () => trusting(ca.certPem)
      certificate = next
      t.ok(await until(() => /does not verify/.test(check() ?? '')), 'until a certificate comes that is not trusted')
    },
  )
})
