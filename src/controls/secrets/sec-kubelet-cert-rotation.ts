import { mendRotation, type RotationEvidence } from '../../../remediations/kubelet-rotation.ts'
import { control } from '../../model/define.ts'
import type { CertificateSigningRequestObject, Observation, Remark } from '../../model/index.ts'
import { componentFlags, FLAG_LADDER, flagFinding } from '../../objects/flags.ts'
import { KUBELET_LADDER, type KubeletInstance } from '../../objects/kubelet-config.ts'
import { kubeletSetting, perKubelet, settingFound, signsItself } from '../../objects/kubelet-settings.ts'
import { refOf } from '../../objects/ref.ts'
import { SERVING_GATE, SERVING_SIGNER } from '../../objects/serving-request.ts'

const HOUR = 3_600_000

export default control({
  title: 'Kubelets must renew their certificates',
  severity: 'medium',
  why: 'A certificate that nobody renews is made to live long, is kept when it leaks, and takes its node out of the cluster on the day it ends.',
  references: [
    { standard: 'CIS', section: '1.3.6' },
    { standard: 'CIS', section: '4.2.10' },
    { standard: 'CIS', section: '4.2.11' },
    { standard: 'KS', section: 'C-0149' },
    { standard: 'KS', section: 'C-0182' },
    { standard: 'KS', section: 'C-0183' },
  ],
  reads: [],
  consults: [...new Set([...KUBELET_LADDER, ...FLAG_LADDER, 'CertificateSigningRequest' as const])],
  *evaluate(view): Iterable<Observation<RotationEvidence> | Remark> {
    yield* perKubelet<RotationEvidence>(judge)(view)
    for (const manager of componentFlags(view, 'kube-controller-manager').instances)
      if (gateIn(manager.flags.get('feature-gates')))
        yield {
          ...flagFinding(manager, 'feature-gates'),
          reason: 'does not let kubelets renew their serving certificates',
          detail: `--feature-gates=${manager.flags.get('feature-gates')}`,
          evidence: { setting: 'feature-gates', value: manager.flags.get('feature-gates')! },
        }
    for (const request of view.all('CertificateSigningRequest')) if (isForgotten(request, view.now)) yield forgotten(request)
    const unread = view.unread('CertificateSigningRequest')
    if (unread !== undefined && view.source.kind === 'live')
      yield { unknown: `whether requests of kubelets wait for an approval was not seen: ${unread.because}`, answer: unread.answer }
  },
  remedy: mendRotation,
  verify:
    'openssl x509 -enddate of /var/lib/kubelet/pki/kubelet-client-current.pem and kubelet-server-current.pem moves on before they end.',
})

function* judge(instance: KubeletInstance): Iterable<Observation<RotationEvidence>> {
  const client = kubeletSetting(instance, ['rotateCertificates'])
  if (client.from !== 'unseen' && client.value !== true)
    yield settingFound(instance, 'rotateCertificates', 'does not renew its client certificate')
  const gateOf = (name: string): unknown => kubeletSetting(instance, ['featureGates', name]).value
  const gate = gateOf(SERVING_GATE) ?? gateOf('AllBeta')
  if (gate === false) yield settingFound(instance, `featureGates.${SERVING_GATE}`, 'cannot renew its serving certificate')
  const serving = kubeletSetting(instance, ['serverTLSBootstrap'])
  if (serving.from === 'unseen' || serving.value === true) return
  yield signsItself(instance)
    ? settingFound(instance, 'serverTLSBootstrap', 'does not renew its serving certificate')
    : settingFound(instance, 'serverTLSBootstrap', 'serves a certificate that somebody else must renew', {
        verdict: 'review',
        severity: 'low',
        detail: `tlsCertFile: ${kubeletSetting(instance, ['tlsCertFile']).value}`,
      })
}

/** The gate is beta: what says nothing of it itself leaves it to AllBeta. Of two settings the last one counts; a component may stand before it (`kube:Gate=false`). */
function gateIn(gates: string | undefined): boolean {
  const set = new Map(
    (gates ?? '').split(',').map((gate) => {
      const [name = '', value = ''] = gate.trim().split('=')
      return [name.slice(name.indexOf(':') + 1), value] as const
    }),
  )
  return /^(0|f|false)$/i.test(set.get(SERVING_GATE) ?? set.get('AllBeta') ?? '')
}

const isForgotten = ({ spec, status, metadata }: CertificateSigningRequestObject, now: number): boolean =>
  spec?.signerName === SERVING_SIGNER &&
  (status?.conditions ?? []).length === 0 &&
  metadata.creationTimestamp !== undefined &&
  now - Date.parse(metadata.creationTimestamp) > HOUR

const forgotten = (request: CertificateSigningRequestObject): Observation<RotationEvidence> => ({
  subject: refOf(request),
  origin: 'workload',
  reason: 'waits for an approval since more than an hour',
  detail: `${request.spec?.username ?? 'somebody'} asked at ${request.metadata.creationTimestamp}`,
  evidence: { setting: 'request', value: request.spec?.username ?? '' },
})
