import { setKubelet } from '../../../remediations/kubelet-config.ts'
import { mendKubeletTls } from '../../../remediations/kubelet-tls.ts'
import { control } from '../../model/define.ts'
import { KUBELET_LADDER } from '../../objects/kubelet-config.ts'
import { kubeletSetting, perKubelet, type SettingEvidence, settingFound, signsItself } from '../../objects/kubelet-settings.ts'
import { isOldProtocol, weaknessOf } from '../../objects/tls.ts'

export default control({
  title: 'Kubelets must serve sound TLS',
  severity: 'low',
  why: 'Logs, commands and the tokens that come with them pass over this connection.',
  references: [
    { standard: 'CIS', section: '4.2.9' },
    { standard: 'CIS', section: '4.2.12' },
    { standard: 'KS', section: 'C-0181' },
    { standard: 'KS', section: 'C-0184' },
  ],
  reads: [],
  consults: KUBELET_LADDER,
  evaluate: perKubelet<SettingEvidence>(function* (instance) {
    const oldest = kubeletSetting(instance, ['tlsMinVersion']).value
    if (typeof oldest === 'string' && isOldProtocol(oldest)) yield settingFound(instance, 'tlsMinVersion', 'accepts TLS older than 1.2')
    const suites = kubeletSetting(instance, ['tlsCipherSuites']).value
    const weak = (Array.isArray(suites) ? suites : []).filter((suite) => weaknessOf(String(suite)) !== undefined)
    if (weak.length > 0)
      yield settingFound(instance, 'tlsCipherSuites', 'accepts weak cipher suites', {
        detail: weak.map((suite) => `${suite} (${weaknessOf(String(suite))})`).join(', '),
      })
    if (signsItself(instance))
      yield settingFound(instance, 'serverTLSBootstrap', 'signs its serving certificate itself', { detail: 'nobody can tell whose it is' })
  }),
  remedy: setKubelet<SettingEvidence>(mendKubeletTls),
  verify: 'openssl s_client -tls1_1 -connect NODE:10250 is refused, and kubectl logs works for a pod on each node.',
})
