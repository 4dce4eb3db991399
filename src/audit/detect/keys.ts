/** Entities: what is learned about. Written as JSON, so that no name can be chosen to be taken for another. */
import type { AccessRecord, Principal, StoreRef } from '../../api/audit.ts'
import type { Key } from './model.ts'

const MOST = 200
const part = (text: string): string => (text.length <= MOST ? text : `${text.slice(0, MOST)}…${text.length}`)

const store = ({ cloud, kind, name, owner }: StoreRef): string[] =>
  // Names of buckets are unique in their cloud and logs differ in how they call the owner; instances are unique within an owner.
  [cloud, kind, part(name), kind === 'sql' ? part(owner ?? '') : '']

export const storeKey = (topic: string, record: AccessRecord): Key => ({
  topic,
  entity: JSON.stringify(store(record.store)),
})
export const accessKey = (topic: string, record: AccessRecord): Key => ({
  topic,
  entity: JSON.stringify([...store(record.store), record.principal.kind, part(record.principal.id)]),
})
/** A database user within one database. */
export const databaseKey = (topic: string, record: AccessRecord): Key => ({
  topic,
  entity: JSON.stringify([
    ...store(record.store),
    record.principal.kind,
    part(record.principal.id),
    part(record.statement?.database ?? ''),
  ]),
})
export const otherKey = (topic: string, record: AccessRecord, ...more: readonly string[]): Key => ({
  topic,
  entity: JSON.stringify([...store(record.store), ...more.map(part)]),
})

/** Somebody one can learn about. */
export const isSomebody = ({ kind, id }: Principal): boolean => id !== '' && kind !== 'anonymous' && kind !== 'unknown'
