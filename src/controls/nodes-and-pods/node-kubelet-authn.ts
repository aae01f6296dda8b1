import { type KubeletChange, setKubelet } from '../../../remediations/kubelet-config.ts'
import { control } from '../../model/define.ts'
import type { Json, Observation, Proposal, Remark, Severity } from '../../model/index.ts'
import { KUBELET_LADDER, type KubeletInstance, kubelets } from '../../objects/kubelet-config.ts'
import { kubeletFinding, kubeletSetting } from '../../objects/kubelet-settings.ts'

interface Evidence {
  readonly grade: 'E1'
  readonly source: KubeletInstance['source']
  readonly setting: string
  readonly value: Json
}

export default control({
  title: 'Kubelets must reject anonymous requests and verify who asks',
  severity: 'critical',
  why: 'The kubelet runs commands in every pod of its node. One that answers anonymous requests gives that to whoever reaches its port.',
  references: [
    { standard: 'CIS', section: '4.2.1' },
    { standard: 'CIS', section: '4.2.3' },
    { standard: 'NSA', section: 'N' },
    { standard: 'NSA', section: 'A' },
    { standard: 'OWASP', section: '2022/K06' },
    { standard: 'OWASP', section: '2022/K09' },
    { standard: 'KS', section: 'C-0069' },
    { standard: 'KS', section: 'C-0070' },
    { standard: 'KS', section: 'C-0172' },
    { standard: 'KS', section: 'C-0174' },
  ],
  reads: [],
  consults: KUBELET_LADDER,
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    const { instances, unknown, notes } = kubelets(view)
    for (const instance of instances) {
      if (kubeletSetting(instance, ['authentication', 'anonymous', 'enabled']).value === true)
        yield found(instance, 'authentication.anonymous.enabled', true, 'critical', 'answers anonymous requests')
      if (kubeletSetting(instance, ['authentication', 'webhook', 'enabled']).value === false)
        yield found(instance, 'authentication.webhook.enabled', false, 'medium', 'does not ask the API server about tokens')
      const ca = kubeletSetting(instance, ['authentication', 'x509', 'clientCAFile'])
      if (ca.from === 'unset' || ca.value === '')
        yield found(instance, 'authentication.x509.clientCAFile', null, 'medium', 'has no CA to verify client certificates with')
    }
    for (const note of notes) yield { note }
    if (unknown !== undefined) yield unknown
  },
  remedy: setKubelet<Evidence>(mend),
  verify: 'curl -k https://NODE:10250/pods answers 401, and kubectl logs works for a pod on each node.',
})

const found = (instance: KubeletInstance, setting: string, value: Json, severity: Severity, reason: string): Observation<Evidence> => ({
  ...kubeletFinding(instance, setting.split('.')),
  severity,
  reason,
  detail: value === null ? `${setting} is not set` : `${setting}: ${value}`,
  evidence: { grade: 'E1', source: instance.source, setting, value },
})

function mend({ evidence: { setting } }: { readonly evidence: Evidence }): KubeletChange | Proposal {
  switch (setting) {
    case 'authentication.anonymous.enabled':
      return { set: { [setting]: false }, summary: 'reject anonymous requests', mayBreak: ['scrapers that come without a token get 401'] }
    case 'authentication.webhook.enabled':
      return { set: { [setting]: true }, summary: 'let the API server say whose a token is' }
    default:
      return {
        set: { [setting]: '/etc/kubernetes/pki/ca.crt' },
        summary: 'verify client certificates',
        mayBreak: [
          "the file must be the CA that signs the API server's client certificate (kubeadm: /etc/kubernetes/pki/ca.crt), or logs and exec stop",
        ],
      }
  }
}
