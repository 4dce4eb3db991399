/** What it takes to speak to an API server, wherever it was found. */
import type { Agent, RequestOptions } from 'node:https'

export interface Access {
  readonly server: URL
  /** Trust and client certificate, for the connections. */
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'servername' | 'rejectUnauthorized'>
  /** An agent that must be used, where a proxy lies between. */
  readonly agent?: Agent
  /** @param again the last answer was 401: do not use what is remembered. */
  readonly headers: (again?: boolean) => Promise<Readonly<Record<string, string>>>
}

export interface AccessOptions {
  readonly kubeconfig?: string
  readonly context?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Where a Pod's token and CA are. */
  readonly serviceAccountDirectory?: string
}
