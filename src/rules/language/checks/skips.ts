/** `skipAfter` to a marker that does not come later: the engine skips all the rest of the phase. */
import { problem } from '../problem.ts'
import { shown } from '../scanner.ts'
import { actionsOf } from '../values.ts'
import { actionsIn } from './actions.ts'
import type { Check } from './context.ts'
import { hints } from './hints.ts'

export const checkSkips: Check = ({ files }) => {
  /** The last place of each marker: file and node, in the order of loading. */
  const last = new Map<string, number>()
  let place = 0
  for (const { nodes } of files)
    for (const node of nodes) {
      place++
      if (node.kind === 'marker') last.set(node.label, place)
    }
  const near = hints(last.keys())
  place = 0
  return files.flatMap(({ nodes }) =>
    nodes.flatMap((node) => {
      place++
      const here = place
      return actionsOf({ actions: actionsIn(node) }, 'skipAfter').flatMap(({ at, value = '' }) => {
        const marker = last.get(value)
        if (marker !== undefined && marker > here) return []
        const why =
          marker === undefined ? `there is no SecMarker of that name${near(value)}` : 'its SecMarker must come later'
        return [problem('SkipNowhere', at, `skipAfter:${shown(value)}: ${why}`)]
      })
    }),
  )
}
