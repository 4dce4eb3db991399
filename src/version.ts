/** The version this program was built as, one place: package.json. */
import manifest from '../package.json' with { type: 'json' }

export const VERSION: string = manifest.version
