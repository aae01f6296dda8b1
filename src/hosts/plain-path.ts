import { normalize } from 'node:path'

/** The path itself. Throws (a fault of ours) unless it is absolute and normal, and without control characters. */
export function plainPath(path: string): string {
  if (!path.startsWith('/') || normalize(path) !== path || (path.length > 1 && path.endsWith('/')) || /[\0-\x1f\x7f]/.test(path))
    throw new Error(`${JSON.stringify(path)} is no plain absolute path`)
  return path
}
