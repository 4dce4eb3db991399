/** The views of one kind of object by key, as a watch keeps them, and what happens when one changes. */

export interface Store<V> {
  readonly get: (key: string) => V | undefined
  /** The same array until something changes. */
  readonly all: () => readonly V[]
  readonly set: (key: string, view: V) => void
  readonly delete: (key: string) => void
  /** Takes the place of everything; what is missing in it counts as deleted. */
  readonly replace: (views: Map<string, V>) => void
}

/** Makes a store. @param changed is told of each change: before, after; undefined where there is none. */
export function createStore<V>(
  changed: (key: string, before: V | undefined, after: V | undefined) => void = () => {},
): Store<V> {
  let views = new Map<string, V>()
  let all: readonly V[] | undefined
  return {
    get: (key) => views.get(key),
    all: () => {
      all ??= [...views.values()]
      return all
    },
    set: (key, view) => {
      const before = views.get(key)
      views.set(key, view)
      all = undefined
      changed(key, before, view)
    },
    delete: (key) => {
      const before = views.get(key)
      if (!views.delete(key)) return
      all = undefined
      changed(key, before, undefined)
    },
    replace: (next) => {
      const old = views
      views = next
      all = undefined
      for (const [key, before] of old) if (!next.has(key)) changed(key, before, undefined)
      for (const [key, after] of next) changed(key, old.get(key), after)
    },
  }
}
