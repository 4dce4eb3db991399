/** The configuration file of a command: what is wrong with it is said as a mistake of whoever called. */
import type { z } from 'zod'
import { ConfigError } from '../config/errors.ts'
import { loadConfig } from '../config/load.ts'
import { EXIT, Exit } from './command.ts'

/** @throws {Exit} where the file cannot be taken */
export const readConfig = <S extends z.ZodType>(
  schema: S,
  file: string,
  given?: Parameters<typeof loadConfig>[2],
): z.output<S> => {
  try {
    return loadConfig(schema, file, given).config
  } catch (error) {
    throw error instanceof ConfigError ? new Exit(EXIT.usage, error.message, { cause: error }) : error
  }
}
