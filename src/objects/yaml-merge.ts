/**
 * Merge keys (`<<`) as go-yaml v2 takes them: what is merged is written over the keys that stand before it, and the keys behind it are written
 * over that. By YAML 1.1 a mapping's own keys would win wherever they stand.
 */
import { defineMappingTag, mapTag } from 'js-yaml'

type Container = ReturnType<typeof mapTag.create>
/** Keys that came by a merge: of a list of mappings the first one counts, so these are not written over by the next. */
const merged = new WeakMap<object, Set<string>>()
/** Of a pair that is merged it is asked first whether its key is there; of others it is not, since the last of two equal ones counts. */
let asked: { readonly container: unknown; readonly key: string } | undefined

export const mergesAsWritten = defineMappingTag<Container>('tag:yaml.org,2002:map', {
  ...mapTag,
  has(container, key) {
    asked = { container, key: String(key) }
    return merged.get(container)?.has(asked.key) === true
  },
  addPair(container, key, value) {
    const isMerged = asked?.container === container && asked?.key === String(key)
    asked = undefined
    const keys = merged.get(container)
    if (!isMerged) keys?.delete(String(key))
    else if (keys === undefined) merged.set(container, new Set([String(key)]))
    else keys.add(String(key))
    return mapTag.addPair(container, key, value)
  },
})
