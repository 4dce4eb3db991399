import tap from 'tap'
import { wishOf } from '../../src/inject/mode.ts'
import { settingsWith } from './fixtures.ts'

const WAF = 'sekisho.dev/waf'
const PROTECTED = 'sekisho.dev/protected'

/** Pod label, namespace labels, floor, allowOff → what comes out. */
const CASES: [string | undefined, Record<string, string>, 'off' | 'detect' | 'block', boolean, string][] = [
  [undefined, {}, 'off', true, 'unasked'],
  [undefined, {}, 'block', true, 'unasked'],
  ['block', {}, 'off', true, 'block by pod itself'],
  ['detect', {}, 'off', true, 'detect by pod itself'],
  ['detect', {}, 'block', true, 'block by platform itself RaisedToFloor'],
  ['off', {}, 'off', true, 'off'],
  ['off', {}, 'block', false, 'off'],
  ['x', {}, 'off', true, 'UnknownMode'],
  ['', { [WAF]: 'block' }, 'off', true, 'UnknownMode'],
  ['BLOCK', {}, 'off', true, 'UnknownMode'],
  [undefined, { [WAF]: 'block' }, 'off', true, 'block by namespace'],
  [undefined, { [WAF]: 'detect' }, 'off', true, 'detect by namespace'],
  [undefined, { [WAF]: 'detect' }, 'block', true, 'block by platform RaisedToFloor'],
  [undefined, { [WAF]: 'off' }, 'off', true, 'UnknownNamespaceMode'],
  [undefined, { [WAF]: '' }, 'off', true, 'UnknownNamespaceMode'],
  ['off', { [WAF]: 'nonsense' }, 'off', true, 'UnknownNamespaceMode'],
  ['detect', { [WAF]: 'nonsense' }, 'off', true, 'detect by pod itself'],
  ['detect', { [WAF]: 'block' }, 'off', true, 'detect by pod itself'],
  ['block', { [WAF]: 'detect' }, 'off', true, 'block by pod itself'],
  ['off', { [WAF]: 'block' }, 'off', true, 'off'],
  ['off', { [WAF]: 'block' }, 'off', false, 'block by namespace OffNotAllowed'],
  ['off', { [WAF]: 'detect' }, 'detect', true, 'detect by namespace OffNotAllowed'],
  ['off', { [WAF]: 'detect' }, 'block', true, 'block by platform OffNotAllowed'],
  [undefined, { [PROTECTED]: 'true' }, 'off', true, 'unasked'],
  [undefined, { [PROTECTED]: 'true' }, 'detect', true, 'detect by platform'],
  [undefined, { [PROTECTED]: 'audit' }, 'detect', true, 'unasked'],
  ['off', { [PROTECTED]: 'true' }, 'detect', true, 'detect by platform OffNotAllowed'],
  ['off', { [PROTECTED]: 'true' }, 'off', false, 'off'],
]

tap.test('wishOf() takes the strictest of the floor and the Pod’s label, else its namespace’s', async (t) => {
  for (const [own, namespace, lowestMode, allowOff, expected] of CASES) {
    const wish = wishOf(
      own === undefined ? {} : { [WAF]: own },
      namespace,
      settingsWith({ lowestMode, allowOff }),
      'shop',
    )
    const text =
      wish.kind === 'mode'
        ? [wish.mode, 'by', wish.from, wish.itself && 'itself', ...wish.notes.map(({ code }) => code)]
            .filter(Boolean)
            .join(' ')
        : wish.kind === 'unknown'
          ? wish.note.code
          : wish.kind
    t.equal(text, expected, `${own} in ${JSON.stringify(namespace)}, floor ${lowestMode}, allowOff ${allowOff}`)
  }
})
