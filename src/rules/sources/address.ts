/**
 * Addresses as they are asked for, and as they are shown: a token may stand in one (`{token}`), and then it must be in no message.
 */
import { parseVersion } from './choose-release.ts'

export interface Address {
  readonly url: string
  readonly shown: string
}

/** Fills in `{version}` and `{token}`. */
export const fillAddress = (template: string, { version, token }: { version?: string; token?: string }): Address => {
  const versioned =
    version !== undefined && parseVersion(version) ? template.replaceAll('{version}', version) : template
  return {
    url: token === undefined ? versioned : versioned.replaceAll('{token}', encodeURIComponent(token)),
    shown: shownAddress(versioned),
  }
}

/** Without user, password, query and fragment: signed downloads carry their secret in the query. */
export const shownAddress = (address: string): string => {
  if (!URL.canParse(address)) return '(not an address)'
  const { protocol, host, pathname } = new URL(address)
  const path = pathname.replaceAll('%7B', '{').replaceAll('%7D', '}')
  return `${protocol}//${host}${path.length > 160 ? `${path.slice(0, 159)}…` : path}`
}
