/** Which release is chosen of what upstream offers. */
import fc from 'fast-check'
import t from 'tap'
import {
  chooseRelease,
  compareVersions,
  isOnLine,
  isPinned,
  parseVersion,
  type Tag,
} from '../../../src/rules/sources/choose-release.ts'

/** As tagged on one day, in the order GitHub lists them: by date, the newest first. */
const ONE_DAY = ['v4.28.0', 'v4.25.1', 'v3.3.10', 'v4.27.0', 'v4.25.0', 'v4.22.0']
const CASES: [policy: string, tags: readonly (string | Tag)[], tag: string | undefined, why: string][] = [
  ['lts', ONE_DAY, 'v4.25.1', 'the line that gets fixes only'],
  ['latest', ONE_DAY, 'v4.28.0', 'the highest of this major'],
  ['latest', ['v3.3.10', 'v4.28.0'], 'v4.28.0', 'not the first in the list'],
  ['latest', ['v5.0.0', 'v4.28.0'], 'v4.28.0', 'another major is another language'],
  ['latest', ['v4.9.0', 'v4.10.0'], 'v4.10.0', 'numbers, not letters'],
  ['4.22', ONE_DAY, 'v4.22.0', 'a line by its numbers'],
  ['4.2', ['v4.2.1', 'v4.22.0'], 'v4.2.1', '4.2 is not the beginning of 4.22'],
  ['4.25.0', ONE_DAY, 'v4.25.0', 'a pinned version, though a newer one is there'],
  ['4.25.2', ONE_DAY, undefined, 'a pinned version that is not there'],
  ['3.3.10', ONE_DAY, undefined, 'an old major, pinned or not'],
  ['lts', ['v4.28.0', 'v3.3.10'], undefined, 'no LTS offered: nothing else is taken in its place'],
  ['lts', [], undefined, 'nothing offered'],
  ['lts', [{ tag: 'v4.25.2', draft: true }, 'v4.25.1'], 'v4.25.1', 'a draft'],
  ['lts', [{ tag: 'v4.25.2', prerelease: true }, 'v4.25.1'], 'v4.25.1', 'a pre-release by its flag'],
  ['lts', ['v4.25.2-rc1', 'v4.25.1'], 'v4.25.1', 'a pre-release by its name'],
  ['lts', [{ tag: 'v4.25.2', prerelease: true }], undefined, 'nothing but a pre-release'],
  ['4.25.2', [{ tag: 'v4.25.2', draft: true }], undefined, 'a pinned draft'],
  ['lts', ['v4.25.1', '4.25.1'], 'v4.25.1', 'with the v, as upstream writes it'],
  ['lts', ['4.25.1', '4.25.0'], '4.25.1', 'without the v'],
  [
    'lts',
    [
      'nightly',
      'v4.25',
      'v4.25.1.1',
      'v04.25.9',
      'v4.25.01',
      ' v4.25.9',
      'v4.25.9 ',
      'V4.25.9',
      'v4.25.9+x',
      'v4.25.-1',
      'v4.25.1e3',
      '',
    ],
    undefined,
    'malformed tags',
  ],
  ['lts', ['v4.25.999999', 'v4.25.3'], 'v4.25.3', 'a number beyond all reason'],
  ['lts', ['v4.25.1\n', 'v4.25.9/../../v4.25.8', 'v4.25.0'], 'v4.25.0', 'a tag that would be another address'],
]

t.test('chooseRelease() takes the highest of the chosen line, never the newest by date', (t) => {
  for (const [policy, tags, tag, why] of CASES) {
    const choice = chooseRelease(
      tags.map((one) => (typeof one === 'string' ? { tag: one } : one)),
      policy,
    )
    t.equal(choice.chosen ? choice.tag : undefined, tag, `${policy}: ${why}`)
  }
  t.end()
})

t.test('chooseRelease() says which lines there are when the wanted one is not', (t) => {
  const choice = chooseRelease(
    ['v4.28.0', 'v4.27.1', 'v3.3.10', 'junk'].map((tag) => ({ tag })),
    'lts',
  )
  t.match(choice, {
    chosen: false,
    detail: 'None of 4 tags is on the line lts (4.25.x); lines offered: 4.28, 4.27, 3.3.',
  })
  t.end()
})

t.test('chooseRelease() does not depend on the order of tags, and what it chooses is on the line', (t) => {
  const version = fc.tuple(fc.constantFrom(3, 4, 5), fc.nat(30), fc.nat(12)).map((parts) => `v${parts.join('.')}`)
  const policy = fc.constantFrom('lts', 'latest', '4.22', '4.25.1')
  fc.assert(
    fc.property(fc.array(version, { maxLength: 20 }), policy, fc.infiniteStream(fc.nat()), (tags, line, dice) => {
      const shuffled = tags.map((tag) => ({ tag, at: dice.next().value })).sort((a, b) => a.at - b.at)
      const choice = chooseRelease(
        tags.map((tag) => ({ tag })),
        line,
      )
      const again = chooseRelease(shuffled, line)
      if (!choice.chosen) return !again.chosen && !tags.some((tag) => isOnLine(tag, line))
      const higher = tags.some((tag) => isOnLine(tag, line) && compareVersions(tag, choice.tag) > 0)
      return again.chosen && again.version === choice.version && isOnLine(choice.version, line) && !higher
    }),
  )
  t.end()
})

t.test('isPinned() and parseVersion() know a version from a line', (t) => {
  t.same(['lts', 'latest', '4.25', '4.25.1', 'v4.25.1'].map(isPinned), [false, false, false, true, true])
  t.same(parseVersion('v4.25.10'), [4, 25, 10])
  t.end()
})
