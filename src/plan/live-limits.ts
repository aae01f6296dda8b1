/** What a change does to what runs whatever its remedy says, and what a live cluster would not let stand. */
import type { PodObject, Risk, SourceInfo } from '../model/index.ts'
import { refText } from '../objects/ref.ts'
import { sameJson } from './canonical.ts'
import type { Target } from './draft.ts'

interface Floor {
  readonly risk: Risk
  readonly mayBreak: readonly string[]
}
const NOTHING: Floor = { risk: 'safe', mayBreak: [] }
const ROLLS_OUT = new Set(['Deployment', 'StatefulSet', 'DaemonSet'])

/** The least risk that a change of this target has. */
export function floorOf(target: Target, source: SourceInfo['kind']): Floor {
  if (target.is !== 'object' || target.before === undefined || target.after === undefined) return NOTHING
  const [before, after] = [target.before, target.after] as { spec?: { template?: unknown } }[]
  if (target.ref.kind === 'Pod' && !sameJson(before!.spec, after!.spec)) {
    return {
      risk: 'may-break',
      mayBreak:
        source === 'live'
          ? [
              'the pod is deleted and created again: what it keeps in memory and in its emptyDir volumes is lost, and nothing serves in between',
            ]
          : [],
    }
  }
  if (ROLLS_OUT.has(target.ref.kind) && !sameJson(before!.spec?.template, after!.spec?.template))
    return { risk: 'restarts-pods', mayBreak: [] }
  return NOTHING
}

/** Why a change must not be written to the live object; undefined when it may. */
export function whyNotLive(target: Target, source: SourceInfo['kind']): string | undefined {
  if (source !== 'live' || target.is !== 'object' || target.before === undefined) return undefined
  const { metadata, kind } = target.before
  if (metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) {
    return `${refText(target.ref)} mirrors a static pod: change its manifest on node ${(target.before as PodObject).spec.nodeName ?? 'it runs on'}`
  }
  const owner = metadata.ownerReferences?.find((one) => one.controller === true)
  const changesSpec =
    target.after !== undefined && !sameJson((target.before as { spec?: unknown }).spec, (target.after as { spec?: unknown }).spec)
  return owner !== undefined && changesSpec && MADE_BY_OWNER.has(kind)
    ? `${owner.kind} ${owner.name} would make ${refText(target.ref)} as it was again: change that instead`
    : undefined
}
const MADE_BY_OWNER = new Set(['Pod', 'ReplicaSet', 'Job', 'ControllerRevision'])
