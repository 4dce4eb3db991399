/** Contents are made once, share their files, and are made again when an exclusion ends; releases are kept and believed again. */
import t from 'tap'
import { ruleFiles } from '../../../src/rules/archive/files.ts'
import { crsLayout } from '../../../src/rules/archive/layouts/crs.ts'
import { ARCHIVE_LIMITS } from '../../../src/rules/archive/limits.ts'
import type { Recipe } from '../../../src/rules/model.ts'
import { createContents } from '../../../src/rules/publish/contents.ts'
import { createRecipes } from '../../../src/rules/publish/recipes.ts'
import { createReleases, releaseName } from '../../../src/rules/publish/releases.ts'
import type { Release } from '../../../src/rules/sources/source.ts'
import { hash, realRelease, SETUP } from '../compile/support.ts'
import { realCrsFiles } from '../real-crs.ts'
import { memoryKept, newSigning } from './support.ts'

const breathe = () => Promise.resolve()
const crs = await realRelease('4.25.0')
const ref = { version: '4.25.0', sha256: 'a'.repeat(64) }
const HOUR = 3_600_000
const AT = 1_795_000_000_000
const recipe = (more: Partial<Recipe> = {}): Recipe => ({
  release: ref,
  setup: SETUP,
  before: [],
  after: [],
  exclusions: [],
  permit: { tags: false, wholeRules: false },
  at: AT,
  ...more,
})
const rules = (id: number) => [
  { name: 'team/rules.conf', text: `SecRule ARGS "@contains x${id}" "id:${id},phase:2,deny,status:403,t:none"\n` },
]

t.test('make() makes equal recipes once, whoever asks at once and whenever they were written', async (t) => {
  let read = 0
  const contents = createContents({
    release: async () => {
      read++
      return crs
    },
    breathe,
  })
  const [a, b] = await Promise.all([contents.make(recipe(), 'note'), contents.make(recipe({ at: AT + 1 }), 'note')])
  t.equal(a, b)
  t.equal(read, 1)
  if (a.status === 'refused') throw new Error('refused')
  t.equal(contents.get(a.content.address), a.content)
})

t.test('make() shares the files that contents have in common', async (t) => {
  const contents = createContents({ release: async () => crs, breathe })
  const [a, b] = [await contents.make(recipe(), 'note'), await contents.make(recipe({ before: rules(100001) }), 'note')]
  if (a.status === 'refused' || b.status === 'refused') throw new Error('refused')
  t.not(a.content.address, b.content.address)
  for (const [name, bytes] of a.content.files) t.equal(b.content.files.get(name), bytes, name)
})

t.test('make() forgets the oldest, and what nobody uses with it', async (t) => {
  const contents = createContents({ release: async () => crs, breathe, most: 2 })
  const addresses: string[] = []
  for (const id of [100001, 100002, 100003]) {
    const made = await contents.make(recipe({ before: rules(id) }), 'note')
    if (made.status === 'compiled') addresses.push(made.content.address)
  }
  t.same(
    addresses.map((one) => contents.get(one) !== undefined),
    [false, true, true],
  )
  t.equal(contents.size, 2)
  const left = addresses.slice(1).flatMap((one) => contents.get(one)!.sums.map(({ sha256 }) => sha256))
  t.equal(contents.files, new Set(left).size)
})

t.test('make() holds no more bytes than it may, whoever changes large rules all the time', async (t) => {
  const mostBytes = 2 << 20
  const contents = createContents({ release: async () => crs, breathe, mostBytes })
  const large = (i: number) => [
    { name: 'team/rules.conf', text: `# ${`${i}`.padEnd(200_000, 'x')}\n${rules(1)[0]!.text}` },
  ]
  const before: string[] = []
  for (let i = 0; i < 12; i++) {
    const made = await contents.make(recipe({ before: large(i) }), 'note')
    if (made.status === 'compiled') before.push(made.content.address)
  }
  const there = before.map((one) => contents.get(one) !== undefined)
  t.equal(there.at(-1), true, 'the newest stays')
  t.equal(there[0], false, 'the oldest went')
  const sums = new Map<string, number>()
  for (const one of before)
    for (const bytes of contents.get(one)?.files.values() ?? []) sums.set(hash(bytes), bytes.length)
  t.ok([...sums.values()].reduce((all, one) => all + one, 0) <= mostBytes)
  t.ok(contents.size >= 2)
})

t.test('make() forgets what it made before an exclusion ended', async (t) => {
  const contents = createContents({ release: async () => crs, breathe })
  const expires = new Date(AT + HOUR).toISOString()
  const exclusions = [{ rule: 942100, path: '/notes', parameter: 'text', reason: 'sql', expires }]
  const first = await contents.make(recipe({ exclusions }), 'note')
  await contents.make(recipe({ exclusions, at: AT + HOUR }), 'note')
  t.equal(contents.size, 1)
  t.equal(first.status === 'compiled' && contents.get(first.content.address), undefined)
})

t.test('make() leaves an exclusion out once it is over, and not before', async (t) => {
  const contents = createContents({ release: async () => crs, breathe })
  const expires = new Date(AT + HOUR).toISOString()
  const exclusions = [{ rule: 942100, path: '/notes', parameter: 'text', reason: 'sql', expires }]
  const has = async (at: number) => {
    const made = await contents.make(recipe({ exclusions, at }), 'note')
    return made.status === 'compiled' && made.content.files.has('REQUEST-900-20-EXCLUSIONS.conf')
  }
  t.ok(await has(AT))
  t.ok(await has(AT + HOUR - 1))
  t.notOk(await has(AT + HOUR))
  t.notOk(await has(AT + 2 * HOUR))
  t.ok(await has(AT), 'what was published before is made as it was')
})

t.test('recipes: what is kept makes the same content', async (t) => {
  const kept = memoryKept()
  const recipes = createRecipes(kept)
  const contents = createContents({ release: async () => crs, breathe })
  const made = await contents.make(recipe({ before: rules(100001) }), 'note')
  if (made.status === 'refused') throw new Error('refused')
  await recipes.keep(made.content.address, made.recipe)
  await recipes.keep(made.content.address, made.recipe)
  t.equal(kept.writes.length, 1)
  const again = await createContents({ release: async () => crs, breathe }).make(
    recipes.read(made.content.address),
    'note',
  )
  t.equal(again.status === 'compiled' && again.content.address, made.content.address)
  t.throws(() => recipes.read('b'.repeat(64)), { message: /there is no ConfigMap sekisho-recipe-bbbbbbbbbbbbbbbb/ })
})

t.test(
  'releases: unpacked rules of a trusted directory are kept, and believed again only by our own word',
  async (t) => {
    const files = ruleFiles(await realCrsFiles('4.25.0'))
    const release: Release = {
      kind: 'crs',
      source: 'directory',
      version: '4.25.0',
      line: '4.25',
      sha256: 'c'.repeat(64),
      content: '',
      files,
      rules: 1,
    }
    const { contentAddress } = await import('../../../src/rules/archive/files.ts')
    const kept = memoryKept()
    let signing = newSigning()
    const open = () =>
      createReleases({
        kept,
        demands: { trust: { by: 'none' }, layout: crsLayout, limits: ARCHIVE_LIMITS },
        signing: () => signing,
        now: () => AT,
        breathe,
      })
    const taken = [...files].filter(([path]) => crsLayout.takes(path))
    const named = await open().keep({ ...release, sha256: contentAddress(new Map(taken)) })
    const read = await open().read(named)
    t.equal(read.catalogue.rules.length, crs.catalogue.rules.length)
    t.equal(read.version, '4.25.0')
    await t.rejects(open().read({ ...named, sha256: 'd'.repeat(64) }), { message: /there is no ConfigMap/ })

    const view = kept.get(releaseName(named))!
    const bytes = (key: string) => Buffer.from(view.binaryData[key]!, 'base64')
    await kept.write(releaseName(named), () => ({ binaryData: { archive: bytes('archive') } }))
    await t.rejects(open().read(named), { message: /no signature of ours/ })
    await kept.write(releaseName(named), () => ({
      binaryData: { archive: bytes('archive'), attested: bytes('attested') },
    }))
    await open().read(named)
    signing = newSigning()
    await t.rejects(open().read(named), { message: /no signature of ours/ }, 'other keys')
  },
)
