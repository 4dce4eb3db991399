/** Who an AWS log says it was: the role rather than its sessions, the user rather than its keys. The same name from every log. */
import type { Principal } from '../../api/audit.ts'
import { at, text } from './json.ts'

const ANONYMOUS: Principal = { kind: 'anonymous', id: '' }

/** `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION` → the role; its path is not in there, so it is left out everywhere. */
export const arnPrincipal = (arn: string): Principal => {
  const session = /^(arn:aws[a-z-]*):sts::(\d*):assumed-role\/([^/]+)(?:\/(.+))?$/.exec(arn)
  if (session) {
    const [, partition, account, role, name] = session
    return { kind: 'role', id: `${partition}:iam::${account}:role/${role}`, ...(name && { credential: name }) }
  }
  const role = /^(arn:aws[a-z-]*:iam::\d*:role\/)(?:.*\/)?([^/]+)$/.exec(arn)
  if (role) return { kind: 'role', id: `${role[1]}${role[2]}` }
  if (arn.includes(':federated-user/')) return { kind: 'user', id: arn }
  return { kind: arn.startsWith('arn:') ? 'user' : 'unknown', id: arn }
}

/** `userIdentity` of CloudTrail. */
export const trailPrincipal = (identity: unknown): Principal => {
  const arn = text(at(identity, 'arn'))
  const account = text(at(identity, 'accountId'))
  const key = text(at(identity, 'accessKeyId'))
  switch (text(at(identity, 'type'))) {
    case 'AWSService':
      return { kind: 'service-account', id: text(at(identity, 'invokedBy')) }
    case 'AWSAccount':
      if (account === 'ANONYMOUS_PRINCIPAL') return ANONYMOUS
      return { kind: 'unknown', id: arn || `account ${account}`, ...principalId(identity) }
    case 'IdentityCenterUser':
      return { kind: 'user', id: text(at(identity, 'onBehalfOf', 'userId')) || text(at(identity, 'principalId')) }
    case 'AssumedRole':
    case 'Role': {
      const issuer = text(at(identity, 'sessionContext', 'sessionIssuer', 'arn'))
      const found = arnPrincipal(arn || issuer)
      return found.credential === undefined && key !== '' ? { ...found, credential: key } : found
    }
    default: {
      const found: Principal =
        arn === ''
          ? { kind: 'unknown', id: text(at(identity, 'userName')) || text(at(identity, 'principalId')) }
          : arnPrincipal(arn)
      return key === '' ? found : { ...found, credential: key }
    }
  }
}

const principalId = (identity: unknown) => {
  const id = text(at(identity, 'principalId'))
  return id === '' ? {} : { credential: id }
}

/** The requester of an S3 access log: an ARN, the canonical id of an account, or `-`. */
export const requesterPrincipal = (requester: string): Principal =>
  requester === '-' ? ANONYMOUS : arnPrincipal(requester)
