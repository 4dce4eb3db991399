/** The guard's settings for a command that judges as the webhook does: from the webhook's own file, or a fresh installation's. */
import { ConfigError } from '../config/errors.ts'
import { loadConfig } from '../config/load.ts'
import { type GuardSettings, guardSettings, webhookConfig } from '../config/webhook.ts'
import { EXIT, Exit } from './command.ts'

/** @throws {Exit} where the file cannot be taken */
export const guardSettingsOf = (file: string | undefined): GuardSettings => {
  if (file === undefined) return guardSettings.parse({})
  try {
    return loadConfig(webhookConfig, file).config.guard
  } catch (error) {
    throw error instanceof ConfigError ? new Exit(EXIT.usage, error.message, { cause: error }) : error
  }
}
