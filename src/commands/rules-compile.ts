/**
 * `sekisho rules compile`: the bundle that a policy comes to, without a cluster. What is refused here is refused there, in the same words.
 * With `--key` it is signed and whole, as a WAF takes it; without, it only says what would be in it.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type Command, Option } from 'commander'
import { z } from 'zod'
import { ConfigError } from '../config/errors.ts'
import { parseConfig } from '../config/load.ts'
import { type Compiled, type Content, compile } from '../rules/compile/compile.ts'
import type { CompileInput, Exclusion, NamedText, Setup } from '../rules/compile/input.ts'
import { asLine, type CompileProblem } from '../rules/compile/problem.ts'
import { readRelease } from '../rules/compile/release.ts'
import { seal } from '../rules/compile/seal.ts'
import { EXIT, Exit, examples, type Io } from './command.ts'
import { readGivenRelease } from './rule-release.ts'

const count = z.int().optional()
/** What a policy file may say; compile() judges the values. The defaults are those of the WAF. */
const policySchema = z.strictObject({
  paranoiaLevel: z.int().default(1),
  allowedMethods: z.array(z.string()).default(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']),
  bodyLimitBytes: z.int().default(13_107_200),
  fieldsLimitBytes: z.int().default(1_048_576),
  onlyFrom: z.array(z.string()).optional(),
  argumentLimits: z.strictObject({ count, nameBytes: count, valueBytes: count, totalBytes: count }).optional(),
  languages: z.array(z.string()).optional(),
  exclusions: z
    .array(
      z.strictObject({
        rule: z.int().optional(),
        tag: z.string().optional(),
        path: z.string(),
        parameter: z.string().optional(),
        cookie: z.string().optional(),
        header: z.string().optional(),
        reason: z.string(),
        expires: z.string().optional(),
      }),
    )
    .default([]),
})

interface Options {
  readonly release: string
  readonly policy?: string
  readonly before?: readonly string[]
  readonly after?: readonly string[]
  readonly permitAll?: boolean
  readonly key?: string
  readonly namespace: string
  readonly sequence: string
  readonly out?: string
  readonly output: 'text' | 'json'
}

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new Exit(EXIT.usage, `Cannot read ${path}: ${(cause as Error).message}`, { cause })
  }
}

async function readPolicy(path: string | undefined): Promise<{ setup: Setup; exclusions: readonly Exclusion[] }> {
  try {
    const { exclusions, ...setup } = parseConfig(
      policySchema,
      path === undefined ? '{}' : await read(path),
      path ?? '',
    ).config
    return { setup: setup as Setup, exclusions: exclusions as readonly Exclusion[] }
  } catch (error) {
    if (error instanceof ConfigError) throw new Exit(EXIT.usage, error.message, { cause: error })
    throw error
  }
}

const texts = (paths: readonly string[] = []): Promise<NamedText[]> =>
  Promise.all(paths.map(async (path) => ({ name: basename(path), text: await read(path) })))

async function readKey(path: string): Promise<KeyObject> {
  try {
    const key = createPrivateKey(await read(path))
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (error) {
    if (error instanceof Exit) throw error
  }
  throw new Exit(
    EXIT.usage,
    `Cannot sign with ${path}: an Ed25519 private key in PEM is wanted (openssl genpkey -algorithm ed25519).`,
  )
}

/** The files with manifest and signature, and the generation's name. */
async function sealed(content: Content, options: Options & { readonly key: string }) {
  const key = await readKey(options.key)
  const raw = createPublicKey(key).export({ format: 'jwk' }).x!
  const outcome = seal(content, {
    namespace: options.namespace,
    sequence: Number(options.sequence),
    rollback: false,
    keys: [Buffer.from(raw, 'base64url').toString('base64')],
    hash,
    sign: (bytes) => sign(null, bytes, key),
  })
  if (outcome.status === 'refused') throw new Exit(EXIT.usage, outcome.problems.map(asLine).join('\n'))
  return outcome
}

async function place(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    // What stands there would not be in the manifest.
    for (const [name, bytes] of files) await writeFile(join(folder, name), bytes, { flag: 'wx' })
  } catch (cause) {
    throw new Exit(EXIT.failed, `Cannot write the bundle to ${folder}: ${(cause as Error).message}`, { cause })
  }
}

const lines = (found: readonly CompileProblem[]): string => found.map((one) => `${asLine(one)}\n`).join('')
const asJson = ({
  content: { files, sums, ...content },
  notes,
  nextExpiry,
  dropped,
}: Compiled & { status: 'compiled' }) => ({
  ...content,
  files: sums,
  notes,
  dropped: Object.fromEntries(dropped),
  ...(nextExpiry === undefined ? {} : { nextExpiry: new Date(nextExpiry).toISOString() }),
})

function refuse(problems: readonly CompileProblem[], options: Options, io: Io): never {
  io.stdout.write(options.output === 'json' ? `${JSON.stringify({ problems })}\n` : lines(problems))
  throw new Exit(EXIT.refused)
}

async function run(options: Options, io: Io): Promise<void> {
  if (!/^[1-9]\d{0,15}$/.test(options.sequence))
    throw new Exit(EXIT.usage, `Cannot compile: --sequence must be a whole number from 1, not '${options.sequence}'.`)
  const given = await readGivenRelease(options.release)
  const release = readRelease(given.version, given.files)
  if (release.status === 'refused') return refuse(release.problems, options, io)
  const input: CompileInput = {
    ...(await readPolicy(options.policy)),
    release: release.release,
    before: await texts(options.before),
    after: await texts(options.after),
    permit: { tags: options.permitAll === true, wholeRules: options.permitAll === true },
    now: Date.now(),
    hash,
  }
  const compiled = compile(input)
  if (compiled.status === 'refused') return refuse(compiled.problems, options, io)
  const { content, notes, nextExpiry } = compiled
  const whole = options.key === undefined ? undefined : await sealed(content, { ...options, key: options.key })
  if (options.out !== undefined) await place(options.out, whole?.files ?? content.files)
  const generation = whole && { generation: whole.generation }
  if (options.output === 'json') {
    io.stdout.write(`${JSON.stringify({ ...generation, ...asJson(compiled) })}\n`)
    return
  }
  const bytes = [...content.files.values()].reduce((sum, file) => sum + file.length, 0)
  const until = nextExpiry === undefined ? '' : `; an exclusion ends at ${new Date(nextExpiry).toISOString()}`
  io.stdout.write(
    `${notes.map((note) => `${asLine(note)}\n`).join('')}CRS ${content.release}: ${content.rules} rules in ${content.files.size} files, ${Math.ceil(bytes / 1024)} KiB${until}\n` +
      `content ${content.address}\n${whole ? `generation ${whole.generation}\n` : ''}`,
  )
}

export const registerCompile = (rules: Command, io: Io): void => {
  rules
    .command('compile')
    .description('make the bundle of a policy, without a cluster')
    .requiredOption('-r, --release <path>', 'folder or archive of a release')
    .option('-p, --policy <file>', 'YAML with paranoiaLevel, allowedMethods, languages, limits and exclusions')
    .option('-b, --before <file...>', 'rules of the namespace before the release')
    .option('-a, --after <file...>', 'rules of the namespace after the release')
    .option('--permit-all', 'exclusions may name tags and whole rules, as the platform’s may')
    .option('-k, --key <file>', 'Ed25519 private key in PEM: signs the manifest')
    .option('-n, --namespace <name>', 'for whom it is signed', 'default')
    .option('--sequence <number>', 'that the manifest bears', '1')
    .option('--out <folder>', 'where to write the files; it must hold none of them')
    .addOption(new Option('-o, --output <format>', '`json` for machines').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `${examples(
        'sekisho rules compile --release coreruleset-4.25.0-minimal.tar.gz --policy policy.yaml',
        'sekisho rules compile --release coreruleset-4.25.0 --before rules.conf --key key.pem --namespace shop --out bundle',
      )}
Exit codes: 0 made, 1 refused, 2 not tried, 3 could not be written.\n`,
    )
    .action((options: Options) => run(options, io))
}
