/** Who wrote a field, from the API server's own book-keeping (managedFields, structured-merge-diff's FieldsV1). */
import type { KubeObject, Path } from '../model/index.ts'

interface Entry {
  readonly manager?: string
  readonly time?: string
  readonly fieldsV1?: Record<string, unknown>
}

/** The managers that own one of these paths; where none does (a field was removed), whoever wrote last. */
export function writersOf(object: KubeObject | undefined, paths: readonly Path[], except: string): string {
  const entries = ((object?.metadata as { managedFields?: readonly Entry[] } | undefined)?.managedFields ?? []).filter(
    (entry) => entry.manager !== except,
  )
  const owners = entries.filter((entry) => paths.some((path) => owns(entry.fieldsV1, path)))
  const last = entries.toSorted((a, b) => (a.time ?? '').localeCompare(b.time ?? '')).slice(-1)
  const names = (owners.length > 0 ? owners : last).map((entry) => entry.manager ?? '').filter((name) => name !== '')
  return names.length === 0 ? 'somebody' : [...new Set(names)].join(' and ')
}

function owns(fields: unknown, path: Path): boolean {
  let here = fields
  for (const element of path) {
    if (here === null || typeof here !== 'object') return false
    const keys =
      typeof element === 'object'
        ? Object.keys(here).filter((key) => key.startsWith('k:{') && key.includes(`"name":${JSON.stringify(element.name)}`))
        : [`f:${element}`]
    here = keys.map((key) => (here as Record<string, unknown>)[key]).find((child) => child !== undefined)
  }
  return here !== undefined
}
