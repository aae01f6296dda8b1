import { setKubelet } from '../../../remediations/kubelet-config.ts'
import { mendKubeletTls } from '../../../remediations/kubelet-tls.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import { CERTIFICATE_LADDER, givenCertificate, judgeGiven } from '../../objects/kubelet-certificate.ts'
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
  consults: CERTIFICATE_LADDER,
  *evaluate(view): Iterable<Observation<SettingEvidence> | Remark> {
    const unseen: string[] = []
    yield* perKubelet<SettingEvidence>(function* (instance) {
      const oldest = kubeletSetting(instance, ['tlsMinVersion']).value
      if (typeof oldest === 'string' && isOldProtocol(oldest)) yield settingFound(instance, 'tlsMinVersion', 'accepts TLS older than 1.2')
      const suites = kubeletSetting(instance, ['tlsCipherSuites']).value
      const weak = (Array.isArray(suites) ? suites : []).filter((suite) => weaknessOf(String(suite)) !== undefined)
      if (weak.length > 0)
        yield settingFound(instance, 'tlsCipherSuites', 'accepts weak cipher suites', {
          detail: weak.map((suite) => `${suite} (${weaknessOf(String(suite))})`).join(', '),
        })
      if (signsItself(instance))
        yield settingFound(instance, 'serverTLSBootstrap', 'signs its serving certificate itself', {
          detail: 'nobody can tell whose it is',
        })
      const file = givenCertificate(instance)
      if (file === undefined) return
      const given = judgeGiven(file, instance, view)
      unseen.push(...given.unseen)
      if (given.faults.length > 0)
        yield settingFound(instance, 'tlsCertFile', 'serves a certificate that the API server cannot verify', {
          detail: `${file} ${given.faults.join(', ')}`,
        })
    })(view)
    if (unseen.length > 0)
      yield {
        unknown: `whether the API server can verify certificates that kubelets are given by files is not known: ${fewOf([...new Set(unseen)])}`,
        answer: 'scan the live cluster, and say with --host how the nodes and the control plane are reached',
      }
  },
  remedy: setKubelet<SettingEvidence>(mendKubeletTls),
  verify: 'openssl s_client -tls1_1 -connect NODE:10250 is refused, and kubectl logs works for a pod on each node.',
})
