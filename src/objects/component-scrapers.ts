/** Services that lead to a component of the control plane: kube-prometheus-stack makes one for each, so that it is scraped. */
import type { View } from '../model/index.ts'
import { refOf, refText } from './ref.ts'

/** Names of the Services whose selector is for the component's static pods (kubeadm's labels `component` and `k8s-app`). */
export const componentScrapers = (view: View<'Service'>, component: string): readonly string[] =>
  view
    .all('Service')
    .filter(({ metadata, spec }) => {
      const { component: named, 'k8s-app': app } = spec?.selector ?? {}
      return metadata.namespace === 'kube-system' && (named === component || app === component)
    })
    .map((service) => refText(refOf(service)))
