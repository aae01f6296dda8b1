import { volumeSourceRemedy } from '../../../remediations/volume-source.ts'
import { control } from '../../model/define.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { policyMinor } from '../../objects/pod-security-namespace.ts'
import { RESTRICTED_VOLUME_TYPES } from '../../objects/pod-security-restricted.ts'
import { eachVolume, sourcesOf } from '../../objects/volumes.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

type Evidence = { readonly volume: string; readonly type: string; readonly mounted: boolean }
/** From here on the API server and the kubelet no longer clone repositories unless told to. */
const GIT_REPO_OFF = 33

export default control({
  title: 'Pods must mount only volumes of the restricted types',
  severity: 'low',
  why: 'A volume that names its storage itself lets whoever writes the pod choose the server, the path and the credentials, where a PersistentVolumeClaim gets only what an administrator offers. A gitRepo volume runs git on the node, as root, on what somebody else wrote.',
  references: [
    { standard: 'PSS', section: 'restricted/restrictedVolumes' },
    { standard: 'OWASP', section: '2025/K01' },
  ],
  reads: [],
  consults: [...WORKLOAD_KINDS, 'ServerVersion'],
  *evaluate(view) {
    const minor = policyMinor(view)
    for (const one of evaluateSpecs(view)) {
      if (!('reason' in one) || one.evidence.type !== 'gitRepo') yield one
      else if (minor === undefined || minor < GIT_REPO_OFF)
        yield { ...one, severity: 'high', reason: 'has the node clone a repository for it' }
      else
        yield {
          ...one,
          detail: `${one.detail}, which Kubernetes 1.${minor} ${minor < 36 ? 'mounts only where the gate GitRepoVolumeDriver is on' : 'does not mount any more'}`,
        }
    }
  },
  remedy: volumeSourceRemedy(),
  verify: 'List what the new container finds at the mount.',
})

const evaluateSpecs = perPodSpec<Evidence>(function* (spec) {
  for (const { volume, at, mounts } of eachVolume(spec)) {
    const types = sourcesOf(volume)
    // A path of the node is pod-hostpath's.
    if (types.length === 0 || types.some((type) => type === 'hostPath' || RESTRICTED_VOLUME_TYPES.has(type))) continue
    yield {
      at: [...at, types[0]!],
      reason: 'mounts a volume outside the restricted types',
      detail: `${volume.name} of type ${types.join(', ')}`,
      evidence: { volume: volume.name, type: types[0]!, mounted: mounts.length > 0 },
    }
  }
})
