/** parseConfig: every problem with its line, and every setting with where it comes from. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ConfigError } from '../../src/config/errors.ts'
import { loadConfig, parseConfig } from '../../src/config/load.ts'
import { webhookConfig } from '../../src/config/webhook.ts'

const SMALLEST = 'inject:\n  capture: port\n  image: sekisho-waf:1\n'
const parse = (text: string) => parseConfig(webhookConfig, text, 'sekisho.yaml')
const problems = (text: string) => {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map(({ code, where, message }) => `${code} ${where}: ${message}`)
    throw error
  }
  throw new Error('it was taken')
}

const cases: [what: string, text: string, says: string[]][] = [
  [
    'a key that is nearly right',
    `${SMALLEST}  imagePulPolicy: Always\n`,
    [
      "ConfigUnknownKey sekisho.yaml:4:3: Cannot use 'inject.imagePulPolicy': unknown key; did you mean 'inject.imagePullPolicy'?",
    ],
  ],
  [
    'a key in the wrong case',
    `${SMALLEST}drainms: 1\n`,
    ["ConfigUnknownKey sekisho.yaml:4:1: Cannot use 'drainms': unknown key; did you mean 'drainMs'?"],
  ],
  [
    'the right key in the wrong group',
    `${SMALLEST}graceSeconds: 5\n`,
    ["ConfigUnknownKey sekisho.yaml:4:1: Cannot use 'graceSeconds': unknown key; did you mean 'guard.graceSeconds'?"],
  ],
  [
    'a key like no other',
    `${SMALLEST}tls:\n  colour: red\n`,
    ["ConfigUnknownKey sekisho.yaml:5:3: Cannot use 'tls.colour': unknown key; known here: directory."],
  ],
  [
    'a prototype key',
    `${SMALLEST}__proto__: {a: 1}\n`,
    [
      "ConfigUnknownKey sekisho.yaml:4:1: Cannot use '__proto__': unknown key; known here: listen, health, tls, bodyLimitBytes, drainMs, inject, guard, policy.",
    ],
  ],
  [
    'what is missing',
    'inject:\n  image: x\n',
    [
      "ConfigMissingKey sekisho.yaml:1:1: Cannot do without 'inject.capture': how requests reach the WAF; must be said, never chosen silently (port). Add it.",
    ],
  ],
  [
    'a wrong type',
    `${SMALLEST}drainMs: soon\n`,
    [
      'ConfigWrongValue sekisho.yaml:4:1: Cannot use \'drainMs\' as it must be whole number 0…60000: current value is "soon".',
    ],
  ],
  [
    'a value out of range',
    `${SMALLEST}  paranoiaLevel: 5\n`,
    [
      "ConfigWrongValue sekisho.yaml:4:3: Cannot use 'inject.paranoiaLevel' as it must be whole number 1…4: current value is 5.",
    ],
  ],
  [
    'none of the words',
    `${SMALLEST}  lowestMode: blok\n`,
    [
      'ConfigWrongValue sekisho.yaml:4:3: Cannot use \'inject.lowestMode\' as it must be one of off | detect | block: current value is "blok".',
    ],
  ],
  [
    'a group without a value',
    `${SMALLEST}guard:\n`,
    [
      "ConfigWrongValue sekisho.yaml:4:1: Cannot use 'guard' as it must be a mapping (or left out, for its defaults): current value is null.",
    ],
  ],
  [
    'an item of a list',
    `${SMALLEST}  trustedProxies: [10.0.0.0/8, proxy]\n`,
    [
      'ConfigWrongValue sekisho.yaml:4:32: Cannot use \'inject.trustedProxies.1\' as it must be a CIDR such as 10.0.0.0/8: current value is "proxy".',
    ],
  ],
  [
    'a key said twice',
    'inject: {}\ninject: {}\n',
    ['ConfigNotYaml sekisho.yaml:2:1: Cannot read as YAML: Map keys must be unique'],
  ],
  [
    'aliases that grow without bound',
    `a: &a [x, x]\nb: &b [${'*a, '.repeat(101)}]\nc: [${'*b, '.repeat(101)}]\n`,
    [
      'ConfigNotYaml sekisho.yaml:1:1: Cannot read as YAML: Excessive alias count indicates a resource exhaustion attack',
    ],
  ],
  [
    'a list',
    '- a\n',
    [
      'ConfigNotYaml sekisho.yaml:1:1: Cannot read as configuration: the file must be a mapping of settings: current value is ["a"].',
    ],
  ],
  [
    'nothing',
    '',
    [
      'ConfigNotYaml sekisho.yaml:1:1: Cannot read as configuration: the file must be a mapping of settings: current value is null.',
    ],
  ],
  [
    'several at once, in the order of the file',
    'listen:\n  prt: 1\ninject:\n  capture: port\ndrainMs: -1\n',
    [
      "ConfigUnknownKey sekisho.yaml:2:3: Cannot use 'listen.prt': unknown key; did you mean 'listen.port'?",
      "ConfigMissingKey sekisho.yaml:3:1: Cannot do without 'inject.image': the sekisho-waf image, by tag or digest (string). Add it.",
      "ConfigWrongValue sekisho.yaml:5:1: Cannot use 'drainMs' as it must be whole number 0…60000: current value is -1.",
    ],
  ],
]
for (const [what, text, says] of cases) {
  t.test(`parseConfig() names ${what}`, async (t) => t.same(problems(text), says))
}

t.test('parseConfig() gives a frozen object with the defaults', async (t) => {
  const { config } = parse(SMALLEST)
  t.match(config, {
    listen: { port: 8443 },
    health: { port: 8080 },
    drainMs: 5000,
    inject: { resources: { waf: { limits: { cpu: '1' } } } },
  })
  t.throws(() => {
    ;(config.inject as { image: string }).image = 'other'
  }, TypeError)
  t.throws(() => config.inject.allowedMethods.push('TRACE'), TypeError)
})

t.test('parseConfig() takes a quantity without quotes', async (t) => {
  const { config } = parse(`${SMALLEST}  resources: {waf: {limits: {cpu: 2}}}\n`)
  t.equal(config.inject.resources.waf.limits.cpu, '2')
})

t.test('parseConfig() tells of each setting whether the file sets it, and where', async (t) => {
  const { settings } = parse(SMALLEST)
  const of = (key: string) => settings.find(({ path }) => path.join('.') === key)
  t.match(of('inject.image'), { value: 'sekisho-waf:1', where: 'sekisho.yaml:3:3' })
  t.match(of('guard.graceSeconds'), { value: 120, where: undefined })
})

t.test('loadConfig() names a file that is not there', async (t) => {
  t.throws(() => loadConfig(webhookConfig, '/nowhere/sekisho.yaml'), {
    message: '/nowhere/sekisho.yaml: Cannot read the configuration file: there is no such file.',
  })
})

t.test('loadConfig() reads a file', async (t) => {
  const file = join(t.testdir(), 'sekisho.yaml')
  writeFileSync(file, SMALLEST)
  t.equal(loadConfig(webhookConfig, file).config.inject.image, 'sekisho-waf:1')
})

t.test('parseConfig() takes what is given where the file says nothing, and says whence', async (t) => {
  const given = [{ path: ['inject', 'image'], value: 'given:1', where: '--waf-image' }]
  const of = (text: string) => {
    const { config, settings } = parseConfig(webhookConfig, text, 'sekisho.yaml', given)
    return [config.inject.image, settings.find(({ path }) => path.join('.') === 'inject.image')?.where]
  }
  t.same(of('inject: {capture: port}\n'), ['given:1', '--waf-image'])
  t.same(of(SMALLEST), ['sekisho-waf:1', 'sekisho.yaml:3:3'], 'the word of the file counts')
  t.throws(() => of('inject: port\n'), { message: /Cannot use 'inject' as it must be a mapping/ })
})

t.test('parseConfig() names the first twenty errors of what is no YAML at all', async (t) => {
  const text = 'a: 1\n'.repeat(1000)
  try {
    parseConfig(webhookConfig, text, 'sekisho.yaml')
    t.fail('it must be refused')
  } catch (error) {
    const { problems } = error as ConfigError
    t.equal(problems.length, 20)
    t.match(problems.at(-1)?.message, /^Cannot read as YAML: Map keys must be unique \(and \d+ more errors\)$/)
  }
})
