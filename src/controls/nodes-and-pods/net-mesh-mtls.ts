import { guideEncryption, type MeshEvidence } from '../../../remediations/mesh-mtls.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { CNI_KINDS, networkPlugins } from '../../objects/network-cni.ts'
import { refOf, WHOLE_CLUSTER } from '../../objects/ref.ts'
import { ENCRYPTION_KINDS, type Istio, istio, linkerd, looserPorts, modeOf, wireEncryption } from '../../objects/traffic-encryption.ts'

export default control({
  title: 'Traffic between pods must be encrypted where the network is not trusted',
  severity: 'info',
  why: 'Pods speak plain text with each other unless something encrypts it: whoever taps the network between nodes reads it, and whoever gets a pod on the way can answer as another. A mesh that is permissive takes plain text beside TLS.',
  references: [
    { standard: 'NSA', section: 'N' },
    { standard: 'NSA', section: 'L' },
    { standard: 'OWASP', section: '2022/K07' },
  ],
  reads: [],
  consults: [...new Set([...ENCRYPTION_KINDS, ...CNI_KINDS])],
  *evaluate(view): Iterable<Observation<MeshEvidence> | Remark> {
    const unread = ENCRYPTION_KINDS.map((kind) => view.unread(kind)).filter((one) => one !== undefined && one.why !== 'not-in-manifests')
    for (const one of unread)
      if (one !== undefined) yield { unknown: `what encrypts traffic is not all seen: ${one.because}`, answer: one.answer }
    const wire = wireEncryption(view)
    if (wire.length > 0) yield { note: `between nodes: ${wire.join(', ')}; between pods of one node nothing leaves it` }
    const mesh = istio(view)
    if (mesh !== undefined) {
      for (const found of judgeIstio(mesh)) yield wire.length > 0 ? { ...found, verdict: 'review' } : found
      yield { note: 'pods without a sidecar or ztunnel are outside of the mesh, whatever it demands' }
    }
    const other = linkerd(view)
    if (other?.isStrict === true) yield { note: `Linkerd takes authenticated traffic only (${other.policy})` }
    else if (other !== undefined && wire.length === 0)
      yield {
        subject: WHOLE_CLUSTER,
        key: 'linkerd',
        reason: 'encrypts between pods of its mesh, but takes plain text from others',
        detail: `Linkerd: defaultInboundPolicy ${other.policy}`,
        verdict: 'review',
        evidence: { by: 'linkerd' },
      }
    if (wire.length > 0 || mesh !== undefined || other !== undefined || unread.length > 0) return
    const plugins = networkPlugins(view)
    if (plugins.length === 0)
      yield {
        unknown: 'whether anything encrypts traffic between pods: neither a mesh nor a network plugin was recognised',
        answer: 'scan the cluster itself, or ask who runs its network',
      }
    else
      yield {
        subject: WHOLE_CLUSTER,
        key: 'none',
        reason: 'has nothing that is seen to encrypt traffic between pods',
        detail: `the network is that of ${[...new Set(plugins.map(({ name }) => name))].join(', ')}`,
        verdict: 'review',
        evidence: { by: plugins[0]!.name },
      }
  },
  remedy: guideEncryption(),
  verify: 'Listen on the interface of a node between two pods on different nodes: what they say must not be readable.',
})

function* judgeIstio({ root, meshWide, mode, others }: Istio): Iterable<Observation<MeshEvidence>> {
  const evidence = { by: 'istio' }
  if (mode !== 'STRICT')
    yield {
      subject: meshWide === undefined ? WHOLE_CLUSTER : refOf(meshWide),
      ...(meshWide === undefined ? { key: 'istio' } : { at: ['spec', 'mtls', 'mode'] }),
      origin: 'workload',
      reason: mode === 'DISABLE' ? 'has mutual TLS switched off for the whole mesh' : 'takes plain text beside TLS in the whole mesh',
      detail: meshWide === undefined ? `no PeerAuthentication in ${root} demands STRICT` : mode,
      evidence,
    }
  for (const one of others) {
    const own = modeOf(one)
    if (own === 'PERMISSIVE' || own === 'DISABLE')
      yield {
        subject: refOf(one),
        at: ['spec', 'mtls', 'mode'],
        reason: own === 'DISABLE' ? 'switches mutual TLS off for some pods' : 'lets some pods take plain text beside TLS',
        detail: own,
        evidence,
      }
  }
  for (const one of [...(meshWide === undefined ? [] : [meshWide]), ...others])
    for (const { port, mode: looser } of looserPorts(one))
      yield {
        subject: refOf(one),
        at: ['spec', 'portLevelMtls', port],
        reason: 'lets a port take plain text',
        detail: `port ${port}: ${looser}`,
        evidence,
      }
}
