/**
 * The keys and the issuer as the API server tells them. Every ServiceAccount may read both paths (ClusterRole
 * `system:service-account-issuer-discovery`). `jwks_uri` is not followed: it may lead out of the cluster, and the API server has the same keys.
 */
import type { ApiClient } from '../../cluster/api-client.ts'
import type { ReadKeys } from './keys.ts'

export const readClusterKeys =
  (client: ApiClient): ReadKeys =>
  async (signal) => {
    const [discovery, jwks] = await Promise.all([
      client.request<{ issuer?: string }>('GET', '/.well-known/openid-configuration', { signal }),
      client.request('GET', '/openid/v1/jwks', { signal, accept: 'application/jwk-set+json, application/json' }),
    ])
    return { issuer: discovery.issuer ?? '', jwks }
  }
