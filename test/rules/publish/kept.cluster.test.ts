/** State in ConfigMaps on a real API server: two that write at once, and neither change is lost; too large; not leading. */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createKept, type Kept, type KeptSink, KeptTooLarge, MOST_BYTES } from '../../../src/rules/publish/kept.ts'
import { projectKept } from '../../../src/rules/publish/project.ts'
import { createStates } from '../../../src/rules/publish/states.ts'
import { shardName, shardOf } from '../../../src/rules/rollout/target-state.ts'
import { lab } from '../../cluster-cache/lab.ts'

t.test('createKept()', async (t) => {
  const { cluster, client } = await lab(t)
  await cluster.createNamespace('sekisho-system')
  const one = (forbidden: () => string | undefined = () => undefined) => {
    const kept: Kept & KeptSink = createKept({
      client,
      namespace: 'sekisho-system',
      signal: new AbortController().signal,
      forbidden,
      changed: (name) => void states.reread(name),
    })
    const states = createStates(kept)
    return { kept, states }
  }
  const stored = async (name: string) =>
    projectKept(await client.request('GET', `/api/v1/namespaces/sekisho-system/configmaps/${name}`))

  t.test('two that count in one ConfigMap lose no count, although neither watches', async (t) => {
    const [a, b] = [one(), one()]
    const count = ({ kept }: typeof a) =>
      kept.write('count', (now) => ({ data: { n: String(Number(now?.data['n'] ?? 0) + 1) } }))
    for (let i = 0; i < 5; i++) await Promise.all([count(a), count(b)])
    t.match(await stored('count'), { data: { n: '10' }, labels: { 'app.kubernetes.io/name': 'sekisho-rules' } })
  })

  t.test('states: changes of many namespaces at once, by two, are all there in the end', async (t) => {
    const [a, b] = [one(), one()]
    const namespaces = Array.from({ length: 40 }, (_, i) => `team-${i}`)
    const add = ({ states }: typeof a, by: number) =>
      Promise.all(
        namespaces.map((namespace) =>
          states.update(namespace, (state) => ({ ...state, sequence: state.sequence + by })),
        ),
      )
    await Promise.all([add(a, 1), add(b, 100)])
    const fresh = one()
    for (const shard of new Set(namespaces.map(shardOf))) fresh.kept.seen(await stored(shardName(shard)))
    t.same(
      namespaces.map((namespace) => fresh.states.of(namespace).sequence),
      namespaces.map(() => 101),
    )
  })

  t.test('a damaged key costs its own namespace alone', async (t) => {
    const { kept, states } = one()
    const namespace = 'team-1'
    const shard = shardName(shardOf(namespace))
    kept.seen(await stored(shard))
    const others = [...states.all()].filter((state) => state.namespace !== namespace)
    await kept.write(shard, (now) => ({ data: { ...now?.data, [namespace]: '{broken' } }))
    t.match(states.problems(), [/team-1/])
    t.same(
      [...states.all()].filter((state) => state.namespace !== namespace && state.namespace !== ''),
      others,
    )
    await states.update(namespace, (state) => ({ ...state, sequence: 7 }))
    t.equal(states.of(namespace).sequence, 7)
    t.same(states.problems(), [])
  })

  t.test('what was deleted meanwhile is made anew', async (t) => {
    const { kept } = one()
    await kept.write('gone', () => ({ data: { a: '1' } }))
    await cluster.kubectlOk(['delete', 'configmap', 'gone', '-n', 'sekisho-system'])
    await kept.write('gone', (now) => ({ data: { a: `${now?.data['a'] ?? 'none'}+` } }))
    t.match(await stored('gone'), { data: { a: 'none+' } })
  })

  t.test('more than a ConfigMap takes is refused before it is sent, with both numbers', async (t) => {
    const { kept } = one()
    const large = kept.write('large', () => ({ binaryData: { x: randomBytes(MOST_BYTES) } }))
    await t.rejects(large, KeptTooLarge)
    await t.rejects(large, { message: new RegExp(`large: \\d+ bytes are more than the ${MOST_BYTES}`) })
    // As much as is allowed is taken by the API server too.
    await kept.write('full', () => ({ binaryData: { x: randomBytes(Math.floor((MOST_BYTES - 1) / 4) * 3) } }))
    t.equal((await stored('full')).name, 'full')
  })

  t.test('who does not lead writes nothing', async (t) => {
    const { kept } = one(() => 'this replica does not lead')
    await t.rejects(
      kept.write('never', () => ({ data: { a: '1' } })),
      { message: /never: this replica does not lead/ },
    )
    t.equal((await cluster.kubectl(['get', 'configmap', 'never', '-n', 'sekisho-system'])).code, 1)
  })

  t.test('an older version that comes late is not believed', async (t) => {
    const { kept } = one()
    await kept.write('late', () => ({ data: { a: '1' } }))
    const old = kept.get('late')!
    await kept.write('late', () => ({ data: { a: '2' } }))
    kept.seen(old)
    t.equal(kept.get('late')?.data['a'], '2')
  })
})
