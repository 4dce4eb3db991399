/** What can be wrong with a configuration file: one table. docs/reference/errors.md lists the same; a test compares. */

export const CONFIG_ERRORS = {
  ConfigUnreadable: {
    sentence: 'The configuration file could not be read.',
    remedy: 'Give the path of a readable file with --config.',
  },
  ConfigNotYaml: {
    sentence: 'The file is not one YAML document with a mapping in it.',
    remedy: 'Mend the line that is named; `sekisho config check FILE` tries again.',
  },
  ConfigUnknownKey: {
    sentence: 'The file has a key that no setting is called by.',
    remedy: 'Use the nearest known key, which the message names, or remove the line.',
  },
  ConfigMissingKey: {
    sentence: 'A setting without a default is not in the file.',
    remedy: 'Add the key that is named.',
  },
  ConfigWrongValue: {
    sentence: 'A value has the wrong type or lies outside of what is allowed.',
    remedy: 'Give a value as the message and docs/reference/configuration.md say.',
  },
} as const
export type ConfigErrorCode = keyof typeof CONFIG_ERRORS

export interface ConfigProblem {
  readonly code: ConfigErrorCode
  /** `sekisho.yaml:12:3`, as editors and terminals make a link of it. */
  readonly where: string
  readonly message: string
}

/** Every problem of a file at once, so that it is mended in one go. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]
  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map(({ where, message }) => `${where}: ${message}`).join('\n'), options)
    this.problems = problems
  }
}
