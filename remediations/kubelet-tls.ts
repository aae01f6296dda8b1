/** TLS of the kubelets' own port: old protocols and weak suites out, nothing else changed. */
import type { Finding, Proposal, RemedyContext } from '../src/model/index.ts'
import type { SettingEvidence } from '../src/objects/kubelet-settings.ts'
import { strongSuites } from '../src/objects/tls.ts'
import type { KubeletChange } from './kubelet-config.ts'
import { proposeServing, renewGiven } from './kubelet-serving.ts'

const CLIENTS = 'scrapers whose TLS library is older than 2010 or so cannot connect any more; the API server can'

export function mendKubeletTls(finding: Finding<SettingEvidence>, context: RemedyContext): KubeletChange | Proposal {
  const { setting, value } = finding.evidence
  if (setting === 'serverTLSBootstrap') return proposeServing(finding, context)
  if (setting === 'tlsCertFile') return { byHand: renewGiven(String(value)) }
  if (setting === 'tlsMinVersion') return { set: { [setting]: 'VersionTLS12' }, summary: 'refuse TLS older than 1.2', mayBreak: [CLIENTS] }
  const strong = strongSuites((Array.isArray(value) ? value : []).map(String))
  return {
    // Without a suite that HTTP/2 needs the list is given up: an empty one is Go's own.
    set: { [setting]: strong ?? [] },
    summary: strong === undefined ? "offer Go's own cipher suites" : 'offer strong cipher suites only',
    mayBreak: [CLIENTS],
  }
}
