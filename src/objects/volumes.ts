/** The volumes of a pod spec, and who mounts them. */
import type { Path, PodSpec, Volume, VolumeMount } from '../model/index.ts'
import { eachContainer } from './containers.ts'

export interface VisitedVolume {
  readonly volume: Volume
  /** Relative to the pod spec: `['volumes', {name: 'data'}]`; by index where the name is missing or not unique. */
  readonly at: Path
  readonly mounts: readonly VolumeMount[]
}

export function eachVolume(spec: PodSpec): readonly VisitedVolume[] {
  const volumes: readonly Volume[] = Array.isArray(spec.volumes) ? spec.volumes : []
  return [...volumes.entries()].flatMap(([index, volume]): VisitedVolume[] =>
    volume === null || typeof volume !== 'object'
      ? []
      : [
          {
            volume,
            at: ['volumes', isNamedOnce(volumes, volume) ? { name: volume.name } : index],
            mounts: [...eachContainer(spec)].flatMap(({ container }) =>
              (container.volumeMounts ?? []).filter((mount) => mount.name === volume.name),
            ),
          },
        ],
  )
}

const isNamedOnce = (volumes: readonly Volume[], { name }: Volume): boolean =>
  typeof name === 'string' && volumes.filter((one) => one?.name === name).length === 1

/** What a volume says it is made of: `['hostPath']`. None is an emptyDir to the API server, and more than one it refuses. */
export const sourcesOf = (volume: Volume): string[] => Object.keys(volume).filter((key) => key !== 'name' && volume[key] != null)
