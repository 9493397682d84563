/*
 * What was used under a pattern that ends in `#`: the levels that followed, two deep and a few wide. More than that is not remembered, so a
 * client that makes up topics costs nothing, and the pattern then stays as it is.
 */

const maxDepth = 2
const maxChildren = 4

/** The levels used below one point. `whole`: the point needs its `#`, because it was used itself, by a filter with `#`, or too widely. */
export type UsageTrie = { whole: boolean; readonly children: Map<string, UsageTrie> }

/** Nothing used yet. */
export function newTrie(): UsageTrie {
  return { whole: false, children: new Map() }
}

/** Notes that `levels`, the part of a topic or filter below the point, was used. */
export function noteLevels(trie: UsageTrie, levels: readonly string[]): void {
  let at = trie
  for (let depth = 0; depth < maxDepth && !at.whole; depth++) {
    const level = levels[depth]
    // A level with braces could be read as a token when it is written down.
    if (level === undefined || level === '#' || level.includes('{')) break
    let child = at.children.get(level)
    if (child === undefined) {
      if (at.children.size >= maxChildren) break
      child = newTrie()
      at.children.set(level, child)
    }
    if (depth === maxDepth - 1) return
    at = child
  }
  at.whole = true
  at.children.clear()
}

/** The patterns, each ending in `#`, that allow everything that was noted: `prefix` is what stands before the point, without its slash. */
export function narrowed(prefix: readonly string[], trie: UsageTrie): readonly string[] {
  if (trie.whole || trie.children.size === 0) return [[...prefix, '#'].join('/')]
  return [...trie.children].flatMap(([level, child]) => narrowed([...prefix, level], child))
}
