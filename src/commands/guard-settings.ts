/** The guard's settings for a command that judges as the webhook does: from the webhook's own file, or a fresh installation's. */
import { ConfigError } from '../config/errors.ts'
import { loadConfig } from '../config/load.ts'
import { type GuardSettings, guardSettings, webhookConfig } from '../config/webhook.ts'
import { EXIT, Exit } from './command.ts'
import { wafImageGiven } from './waf-image.ts'

/** @throws {Exit} where the file cannot be taken */
export const guardSettingsOf = (file: string | undefined): GuardSettings => {
  if (file === undefined) return guardSettings.parse({})
  try {
    // The file may leave the image to the Deployment; what is judged here has none.
    return loadConfig(webhookConfig, file, wafImageGiven('none')).config.guard
  } catch (error) {
    throw error instanceof ConfigError ? new Exit(EXIT.usage, error.message, { cause: error }) : error
  }
}
