/** Tables for people. Cells may hold what Pods or upstream said: nothing of it reaches the terminal unprintable. */
import { printable } from './printable.ts'

/** Columns as wide as their widest cell; the last one runs on. */
export function table(rows: readonly (readonly string[])[], indent = ''): string[] {
  const cells = rows.map((row) => row.map(printable))
  const widths: number[] = []
  for (const row of cells)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length)
    })
  return cells
    .map((row) =>
      `${indent}${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  ')}`.trimEnd(),
    )
    .map((line) => `${line}\n`)
}

/** A title with its table; nothing where there are no rows. */
export const section = (title: string, head: readonly string[], rows: readonly (readonly string[])[]): string =>
  rows.length === 0 ? '' : `\n${title}\n${table([head, ...rows], '  ').join('')}`
