import { type KubeletTlsEvidence, mendKubeletVerification } from '../../../remediations/kubelet-verification.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { type ComponentInstance, componentFlags, effectiveFlag, FLAG_LADDER, flagFinding, serverMinor } from '../../objects/flags.ts'

export default control({
  title: 'The API server must show kubelets who it is, and verify who they are',
  severity: 'high',
  why: 'Logs, commands and what is typed into them pass from the API server to kubelets. Whoever can pose as a node reads them, and with them the token of whoever asked through a proxy.',
  references: [
    { standard: 'CIS', section: '1.2.4' },
    { standard: 'CIS', section: '1.2.5' },
    { standard: 'NSA', section: 'N' },
    { standard: 'KS', section: 'C-0070' },
    { standard: 'KS', section: 'C-0116' },
    { standard: 'KS', section: 'C-0117' },
  ],
  reads: [],
  consults: FLAG_LADDER,
  *evaluate(view): Iterable<Observation<KubeletTlsEvidence> | Remark> {
    const { instances, unknown, remarks } = componentFlags(view, 'kube-apiserver')
    for (const instance of instances) {
      const of = (flag: string) => effectiveFlag(instance, flag, serverMinor(view)).value
      const missing = ['kubelet-client-certificate', 'kubelet-client-key'].filter((flag) => of(flag) === undefined)
      if (missing.length > 0) yield found(instance, missing[0]!, 'shows kubelets no certificate', missing)
      // kubeadm does not set it either: its kubelets sign their serving certificates themselves.
      if (of('kubelet-certificate-authority') === undefined)
        yield found(instance, 'kubelet-certificate-authority', 'does not verify the kubelets it talks to', [
          'kubelet-certificate-authority',
        ])
    }
    yield* remarks
    if (unknown !== undefined) yield unknown
  },
  remedy: mendKubeletVerification,
  verify: 'kubectl logs and kubectl exec work for one pod on each node.',
})

const found = (instance: ComponentInstance, flag: string, reason: string, missing: readonly string[]): Observation<KubeletTlsEvidence> => ({
  ...flagFinding(instance, flag),
  reason,
  detail: `${missing.map((one) => `--${one}`).join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not set`,
  evidence: { grade: 'E1', flag, pki: /^(\/etc\/kubernetes\/pki)\//.exec(instance.flags.get('client-ca-file') ?? '')?.[1] ?? null },
})
