/** Settings of an ingress-nginx that hold for all its Ingresses. */
import type { ConfigMapObject } from '../model/index.ts'
import { fault, type TlsJudged } from './entry-tls.ts'

/** What the ConfigMap of an ingress-nginx says for all its Ingresses. */
export function* judgeNginxConfig(config: ConfigMapObject): Iterable<TlsJudged> {
  const { data = {}, metadata } = config
  const isNginx =
    metadata.labels?.['app.kubernetes.io/name'] === 'ingress-nginx' ||
    /^(.*-)?ingress-nginx-controller$|^nginx-configuration$/.test(metadata.name)
  if (!isNginx) return
  if (data['ssl-redirect'] === 'false' && data['force-ssl-redirect'] !== 'true') {
    const at = ['data', 'ssl-redirect']
    yield fault(config, {
      is: 'redirect',
      at,
      reason: 'lets every Ingress of its controller answer plain HTTP beside TLS',
      edit: { at, to: 'true' },
    })
  }
  const protocols = (data['ssl-protocols'] ?? '').split(/\s+/).filter((one) => one !== '')
  const strong = protocols.filter((one) => one === 'TLSv1.2' || one === 'TLSv1.3')
  if (strong.length < protocols.length) {
    const at = ['data', 'ssl-protocols']
    const to = strong.length === 0 ? 'TLSv1.2 TLSv1.3' : strong.join(' ')
    yield fault(config, { is: 'weak', at, reason: 'accepts versions of TLS before 1.2', detail: data['ssl-protocols']!, edit: { at, to } })
  }
}
