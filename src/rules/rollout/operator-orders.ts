/**
 * What operators ask for: ConfigMap `sekisho-rules-orders`, a key for each kind, written by `sekisho rules pin | unpin | rollback | freeze |
 * resume` and only read by the service. An order is known by its id and carried out once, whatever the clock of whoever gave it.
 */
import { z } from 'zod'
import { instant, type Parsed, parseJson, printJson } from './stored.ts'

export const ORDERS_CONFIGMAP = 'sekisho-rules-orders'

const version = z.string().regex(/^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$/, 'must be a version such as 4.25.1')
const given = {
  id: z.string().min(1).max(64),
  /** By the clock of whoever gave it; for people. */
  at: instant,
  by: z.string(),
  why: z.string(),
}

const ORDER = {
  /** Only this version; nothing else is taken. */
  pin: z.object({ version, ...given }),
  /** No new release and no further stage until then. */
  freeze: z.object({ until: instant, ...given }),
  /** To `to`, else to the one before. */
  rollback: z.object({ to: version.optional(), ...given }),
  /** Go on with what was halted; a version named is no longer held back. */
  resume: z.object({ version: version.optional(), ...given }),
} as const
export type OrderKind = keyof typeof ORDER
export type Order<K extends OrderKind> = z.output<(typeof ORDER)[K]>
export const ORDER_KINDS = Object.keys(ORDER) as readonly OrderKind[]

export interface OperatorOrders {
  readonly pin?: Order<'pin'>
  readonly freeze?: Order<'freeze'>
  readonly rollback?: Order<'rollback'>
  readonly resume?: Order<'resume'>
  /** Kinds whose key cannot be read: hold still, as under a freeze, for what they said is not known. */
  readonly unreadable?: readonly OrderKind[]
}

const LOST: Record<OrderKind, string> = {
  pin: 'which version is pinned: the one that is current stays until it is mended',
  freeze: 'until when releases are frozen: they are until it is mended',
  rollback: 'a rollback that may not have been carried out',
  resume: 'an order to go on that may not have been carried out',
}

/** An order as the ConfigMap holds it, by its key. */
export const parseOrder = <K extends OrderKind>(kind: K, text: string | undefined): Parsed<Order<K> | undefined> =>
  parseJson<Order<K> | undefined>(text, {
    where: `ConfigMap ${ORDERS_CONFIGMAP}, key ${kind}`,
    schema: ORDER[kind] as unknown as z.ZodType<Order<K>>,
    empty: undefined,
    lost: LOST[kind],
  })
export const printOrder = (order: Order<OrderKind>): string => printJson(order)

export interface ParsedOrders {
  readonly orders: OperatorOrders
  readonly problems: readonly { readonly kind: OrderKind; readonly detail: string; readonly lost: string }[]
}

/** @param data of the ConfigMap; undefined where there is none */
export function parseOrders(data: Readonly<Record<string, string>> | undefined): ParsedOrders {
  const read = ORDER_KINDS.map((kind) => [kind, parseOrder(kind, data?.[kind])] as const)
  const problems = read.flatMap(([kind, one]) =>
    one.status === 'damaged' || one.status === 'newer' ? [{ kind, detail: one.detail, lost: one.lost }] : [],
  )
  const orders = Object.fromEntries(
    read.flatMap(([kind, one]) => (one.status === 'read' && one.state ? [[kind, one.state]] : [])),
  )
  return {
    orders: { ...orders, ...(problems.length > 0 && { unreadable: problems.map(({ kind }) => kind) }) },
    problems,
  }
}

/** The version that the configuration names counts as pinned, so that going back by configuration is possible too. */
export const withConfigured = (orders: OperatorOrders, line: string): OperatorOrders => {
  if (orders.pin !== undefined || !/^\d+\.\d+\.\d+$/.test(line)) return orders
  return {
    ...orders,
    pin: { version: line, id: `configured ${line}`, at: 0, by: 'the configuration', why: 'sources.crs.line' },
  }
}

/** Which line the source is asked for: a pinned version, else what the configuration says. */
export const lineFor = (orders: OperatorOrders, line: string): string => {
  const version = orders.pin?.version ?? ''
  return /^\d+\.\d+\.\d+$/.test(version) ? version : line
}
