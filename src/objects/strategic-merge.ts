/**
 * Patches as kustomize applies them. Strategic merge: mappings merge, lists of these names merge by a key of their items
 * (`x-kubernetes-patch-merge-key` of the API), all others are exchanged; `$patch` says otherwise. JSON Patch: RFC 6902.
 */
type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields => value !== null && typeof value === 'object' && !Array.isArray(value)

const MERGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  ports: ['containerPort', 'port'],
  imagePullSecrets: ['name'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey'],
  resourceClaims: ['name'],
  secrets: ['name'],
  webhooks: ['name'],
  ownerReferences: ['uid'],
}

/** Undefined where the patch deletes the whole object. `typed`: the API's schema is known; else lists are exchanged, as in RFC 7386. */
export function mergeStrategically(object: unknown, patch: unknown, typed: boolean): unknown {
  if (!isFields(patch)) return patch
  if (patch.$patch === 'delete') return undefined
  const base: Fields = isFields(object) && patch.$patch !== 'replace' ? object : {}
  const merged = new Map(Object.entries(base))
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch' || key === '$retainKeys' || key.startsWith('$setElementOrder/')) continue
    if (key.startsWith('$deleteFromPrimitiveList/')) {
      const name = key.slice(key.indexOf('/') + 1)
      const [list, gone] = [merged.get(name), value]
      if (Array.isArray(list) && Array.isArray(gone))
        merged.set(
          name,
          list.filter((item) => !gone.includes(item)),
        )
      continue
    }
    if (value === null) {
      merged.delete(key)
      continue
    }
    const now = merged.get(key)
    const result = Array.isArray(value)
      ? mergeLists(now, value, typed ? MERGE_KEYS[key] : undefined, typed)
      : mergeStrategically(now, value, typed)
    if (result === undefined) merged.delete(key)
    else merged.set(key, result)
  }
  return Object.fromEntries(merged)
}

function mergeLists(now: unknown, patch: readonly unknown[], keys: readonly string[] | undefined, typed: boolean): unknown {
  const items = patch.filter((item) => !(isFields(item) && item.$patch === 'replace' && Object.keys(item).length === 1))
  const key = keys?.find((one) => items.every((item) => isFields(item) && Object.hasOwn(item, one)))
  if (key === undefined || items.length < patch.length || !Array.isArray(now))
    return items.filter((item) => !isFields(item) || item.$patch !== 'delete').map((item) => mergeStrategically(undefined, item, typed))
  const merged = [...(now as readonly unknown[])]
  for (const item of items as readonly Fields[]) {
    const at = merged.findIndex((one) => isFields(one) && one[key] === item[key])
    const result = mergeStrategically(merged[at], item, typed)
    if (result === undefined) {
      if (at >= 0) merged.splice(at, 1)
    } else if (at >= 0) merged[at] = result
    else merged.push(result)
  }
  return merged
}

/** Throws TypeError with words where an operation does not fit. */
export function applyJsonPatch(object: unknown, operations: readonly unknown[]): unknown {
  return operations.reduce<unknown>((here, operation) => {
    if (!isFields(operation) || typeof operation.path !== 'string') throw new TypeError('an operation of a JSON patch has no path')
    const path = pointer(operation.path)
    switch (operation.op) {
      case 'add':
      case 'replace':
        return put(here, path, operation.value, operation.op === 'replace')
      case 'remove':
        return take(here, path)
      case 'copy':
      case 'move': {
        const from = pointer(String(operation.from))
        return put(operation.op === 'move' ? take(here, from) : here, path, look(here, from), false)
      }
      case 'test':
        if (JSON.stringify(look(here, path)) !== JSON.stringify(operation.value))
          throw new TypeError(`a JSON patch tests ${operation.path} in vain`)
        return here
      default:
        throw new TypeError(`a JSON patch cannot ${String(operation.op)}`)
    }
  }, object)
}

const pointer = (text: string): string[] =>
  text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
const child = (here: unknown, key: string): unknown =>
  Array.isArray(here) ? here[Number(key)] : isFields(here) && Object.hasOwn(here, key) ? here[key] : undefined
const look = (here: unknown, path: readonly string[]): unknown => path.reduce<unknown>(child, here)
const missing = (path: readonly string[]): TypeError => new TypeError(`a JSON patch names /${path.join('/')}, which is not there`)

function put(here: unknown, path: readonly string[], value: unknown, exists: boolean): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  if (rest.length > 0 || exists) if (child(here, key) === undefined) throw missing(path)
  if (Array.isArray(here)) {
    if (rest.length > 0) return here.with(Number(key), put(here[Number(key)], rest, value, exists))
    const at = key === '-' ? here.length : Number(key)
    return here.toSpliced(at, exists ? 1 : 0, value)
  }
  if (!isFields(here)) throw missing(path)
  return { ...here, [key]: rest.length > 0 ? put(here[key], rest, value, exists) : value }
}

function take(here: unknown, path: readonly string[]): unknown {
  const [key, ...rest] = path
  if (key === undefined || child(here, key) === undefined) throw missing(path)
  if (Array.isArray(here)) return rest.length > 0 ? here.with(Number(key), take(here[Number(key)], rest)) : here.toSpliced(Number(key), 1)
  return rest.length > 0
    ? { ...(here as Fields), [key]: take((here as Fields)[key], rest) }
    : Object.fromEntries(Object.entries(here as Fields).filter(([name]) => name !== key))
}
