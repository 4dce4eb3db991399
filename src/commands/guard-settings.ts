/** The guard's settings for a command that judges as the webhook does: from the webhook's own file, or a fresh installation's. */
import { type GuardSettings, guardSettings, webhookConfig } from '../config/webhook.ts'
import { readConfig } from './read-config.ts'
import { wafImageGiven } from './waf-image.ts'

/** @throws {Exit} where the file cannot be taken */
export const guardSettingsOf = (file: string | undefined): GuardSettings => {
  if (file === undefined) return guardSettings.parse({})
  // The file may leave the image to the Deployment; what is judged here has none.
  return readConfig(webhookConfig, file, wafImageGiven('none')).guard
}
