/** A scan that the operator narrowed to namespaces (`-n`): what is read of the others all the same, and what is not. */
import type { Kind, ObjectRef, SourceInfo, Unread } from '../model/index.ts'
import { served } from './served.ts'

interface Narrow {
  readonly source: SourceInfo
}

/** Not all namespaces are in what was read of the kind. */
export const isNarrowed = ({ source }: Narrow, kind: Kind): boolean =>
  source.namespaces !== undefined && (kind === 'Namespace' || served(kind).namespaced) && source.whole?.includes(kind) !== true

/** Those of these kinds of which only the operator's namespaces were read, and what would answer. */
export const narrowed = (view: Narrow, kinds: readonly Kind[]): readonly Unread[] =>
  kinds
    .filter((kind) => isNarrowed(view, kind))
    .map((what) => {
      const { plural, group } = served(what)
      return {
        what,
        why: 'partial',
        because: `${plural} were read in namespace ${view.source.namespaces!.join(', ')} only (-n), not in all`,
        answer: `allow list and watch on ${plural}${group === '' ? '' : ` in API group ${group}`} in all namespaces`,
      }
    })

/** What is read of other namespaces is evidence; findings are told of the operator's. */
export function isAskedFor({ source }: Narrow, { kind, namespace, name }: ObjectRef): boolean {
  if (source.namespaces === undefined) return true
  return namespace !== undefined ? source.namespaces.includes(namespace) : kind !== 'Namespace' || source.namespaces.includes(name)
}
