import { runtimeSocketRemedy } from '../../../remediations/runtime-socket.ts'
import { control } from '../../model/define.ts'
import type { VolumeMount } from '../../model/index.ts'
import { canWriteTo, holdsKubeletPlugins, normalise, runtimesAt } from '../../objects/host-paths.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { eachVolume } from '../../objects/volumes.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Pods must not reach the container runtime of their node',
  severity: 'critical',
  why: 'Whoever talks to the socket of the container runtime starts any container on the node, privileged and with its whole file system, past the API server, its admission and its audit log. A read-only mount is no protection: a socket is talked to, not written.',
  references: [
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0074' },
  ],
  reads: [],
  consults: WORKLOAD_KINDS,
  evaluate: perPodSpec(function* (spec) {
    for (const { volume, at, mounts } of eachVolume(spec)) {
      if (volume.hostPath == null) continue
      const path = normalise(String(volume.hostPath.path ?? ''))
      const reaches = mounts.flatMap((mount) => runtimesAt(seenThrough(path, mount)) ?? [])
      const who = [...new Set(reaches.flatMap((reach) => reach.who))]
      const place = { at: [...at, 'hostPath'], evidence: { volume: volume.name, path, who } }
      if (who.length > 0)
        yield {
          ...place,
          reason: reaches.some(({ how }) => how === 'itself')
            ? 'mounts the socket of a container runtime'
            : 'mounts a directory in which sockets of container runtimes lie',
          detail: `${path} (${who.join(', ')})`,
        }
      else if (mounts.some((mount) => canWriteTo(mount) && holdsKubeletPlugins(seenThrough(path, mount))))
        yield { ...place, reason: 'may put plugins of its own before the kubelet', detail: `${path}, writable`, severity: 'high' }
    }
  }),
  remedy: runtimeSocketRemedy(),
  verify: 'Look for the socket in the new container: test -S /var/run/docker.sock must fail.',
})

/** The part of the volume that a mount shows; all of it where the part depends on variables. */
const seenThrough = (path: string, { subPath }: VolumeMount): string =>
  typeof subPath === 'string' && subPath !== '' ? normalise(`${path}/${subPath}`) : path
