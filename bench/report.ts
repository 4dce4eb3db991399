/**
 * What every benchmark ends with: a table for people, then one line of JSON a figure for whoever keeps them.
 * `rival` is what ours is held against in the same run: another program's figure, or a limit. `ratio` is how ours stands to it, made so
 * that more is better (limit ÷ ours, ours ÷ rival's rate …), and `aim` is the ratio wanted.
 */

export interface Row {
  readonly bench: string
  readonly what: string
  readonly unit: string
  readonly ours: number
  /** null: no rival, only told. */
  readonly rival: number | null
  readonly ratio: number | null
  readonly aim: number | null
}

/** A figure with an upper limit: fine from a ratio of 1 on. */
export const limited = (bench: string, what: string, unit: string, ours: number, limit: number): Row => ({
  bench,
  what,
  unit,
  ours,
  rival: limit,
  ratio: limit / ours,
  aim: 1,
})

const figure = (value: number | null): string =>
  value === null
    ? '–'
    : Number(value.toPrecision(value >= 100 ? 4 : 3)).toLocaleString('en', { maximumFractionDigits: 3 })

/** Prints the table and the lines. */
export function report(
  rows: readonly Row[],
  write: (text: string) => void = (text) => void process.stdout.write(text),
): void {
  const head = ['what', 'ours', 'rival or limit', 'unit', 'ratio', 'aim', '']
  const cells = rows.map(({ what, unit, ours, rival, ratio, aim }) => [
    what,
    figure(ours),
    figure(rival),
    unit,
    figure(ratio),
    figure(aim),
    ratio === null || aim === null ? '' : ratio >= aim ? 'reached' : 'missed',
  ])
  const width = head.map((_, i) => Math.max(...[head, ...cells].map((row) => row[i]!.length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 0 || i === 3 || i === 6 ? cell.padEnd(width[i]!) : cell.padStart(width[i]!)))
      .join('  ')
      .trimEnd()
  write(`\n${[head, ...cells].map(line).join('\n')}\n\n`)
  for (const row of rows) write(`${JSON.stringify(row)}\n`)
}

/** The value below which `share` of the samples lie. */
export function percentile(samples: readonly number[], share: number): number {
  if (samples.length === 0) throw new Error('Cannot take a percentile of no samples')
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))]!
}
