import { encryptEntry } from '../../../remediations/entry-tls.ts'
import { control } from '../../model/define.ts'
import type { TlsJudged } from '../../objects/entry-tls.ts'
import { GATEWAY_TLS_KINDS, judgeGateway, judgeIstioGateway } from '../../objects/gateway-tls.ts'
import { judgeNginxConfig } from '../../objects/ingress-nginx-config.ts'
import { INGRESS_TLS_KINDS, judgeIngress } from '../../objects/ingress-tls.ts'

const CONSULTED = [...new Set([...INGRESS_TLS_KINDS, ...GATEWAY_TLS_KINDS])]
const ENTRIES = ['Ingress', 'Gateway', 'IstioGateway'] as const

export default control({
  title: 'Entry points for HTTP must use TLS',
  severity: 'medium',
  why: 'Whoever sits on the way reads plain HTTP, logins and cookies among it, and can answer in the place of the application. A redirect that is switched off leaves that way open beside the encrypted one.',
  references: [
    { standard: 'CIS-EKS', section: '5.4.5' },
    { standard: 'CIS-AKS', section: '5.4.5' },
    { standard: 'CIS-GKE', section: '5.6.7' },
    { standard: 'NSA', section: 'N' },
    { standard: 'KS', section: 'C-0263' },
    { standard: 'KS', section: 'C-0231' },
    { standard: 'KS', section: 'C-0245' },
  ],
  reads: [],
  consults: CONSULTED,
  *evaluate(view): Iterable<TlsJudged> {
    for (const ingress of view.all('Ingress')) yield* judgeIngress(view, ingress)
    for (const config of view.all('ConfigMap')) yield* judgeNginxConfig(config)
    for (const gateway of view.all('Gateway')) yield* judgeGateway(view, gateway)
    for (const gateway of view.all('IstioGateway')) yield* judgeIstioGateway(view, gateway)
    for (const kind of ENTRIES) {
      const unread = view.unread(kind)
      if (unread !== undefined) yield { unknown: unread.because, answer: unread.answer }
    }
    const settings = view.all('Ingress').length > 0 ? view.unread('ConfigMap') : undefined
    if (settings !== undefined && settings.why !== 'not-in-manifests')
      yield { unknown: `what the controller is told for all Ingresses: ${settings.because}`, answer: settings.answer }
    if (ENTRIES.every((kind) => view.all(kind).length === 0)) {
      yield { notApplicable: 'there are no Ingresses and no Gateways here' }
      return
    }
    yield {
      note: 'whether certificates have expired is not seen, since the values of Secrets are never fetched; where no redirect is written, the default of the controller counts',
    }
  },
  remedy: encryptEntry(),
  verify: 'Asked over plain HTTP each host answers with a redirect, and over TLS with a certificate of its name that has not expired.',
})
