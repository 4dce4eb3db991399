/** Who we are to the API server, and whether we may open: what a command asks for its own user. */
import type { UserInfo } from '../api/kube.ts'
import type { ApiClient } from './api-client.ts'
import { OPEN } from './project.ts'

/** The user as admission would see them. */
export async function whoAmI(client: ApiClient, signal: AbortSignal): Promise<UserInfo> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const { status } = await client.request<{ status: { userInfo: UserInfo } }>('POST', path, { body, signal })
  return status.userInfo
}

/** Whether we may `open`; an empty namespace means in all of them. */
export async function mayIOpen(client: ApiClient, namespace: string, signal: AbortSignal): Promise<boolean> {
  const resourceAttributes = { ...OPEN, ...(namespace !== '' && { namespace }) }
  const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } }
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
  const { status } = await client.request<{ status?: { allowed?: boolean } }>('POST', path, { body, signal })
  return status?.allowed === true
}
