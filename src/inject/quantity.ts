/** Kubernetes quantities, as far as our settings and the API server's canonical form of them need: `0.5` and `500m` are the same. */

const QUANTITY =
  /^([+-]?[0-9]+(?:\.[0-9]*)?|[+-]?\.[0-9]+)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e[+-]?[0-9]+|E[+-]?[0-9]+)?$/
const FACTOR: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** The number a quantity stands for, or undefined where the text is none. */
export function quantityOf(text: unknown): number | undefined {
  if (typeof text === 'number') return text
  const [, number, suffix = ''] = QUANTITY.exec(typeof text === 'string' ? text : '') ?? []
  if (number === undefined) return undefined
  const factor = suffix === '' ? 1 : (FACTOR[suffix] ?? 10 ** Number(suffix.slice(1)))
  return Number(number) * factor
}

/** Whether two quantities are equal. Kubernetes rounds to thousandths, so a rounding error of a double is none. */
export function sameQuantity(a: unknown, b: unknown): boolean {
  const [x, y] = [quantityOf(a), quantityOf(b)]
  return x !== undefined && y !== undefined && Math.abs(x - y) <= Math.max(Math.abs(x), Math.abs(y)) * 1e-12
}
