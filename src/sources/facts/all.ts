import type { FactName } from '../../model/index.ts'
import { anonymousProbe } from './anonymous-probe.ts'
import { apiServerFlagz } from './api-server-flagz.ts'
import { apiServerHealth } from './api-server-health.ts'
import { apiServerMetrics } from './api-server-metrics.ts'
import { apiServers } from './api-servers.ts'
import { cloudIamNotAsked } from './cloud-iam.ts'
import { credential } from './credential.ts'
import { endpoint } from './endpoint.ts'
import type { Fact } from './fact.ts'
import { gatekeeperConstraints } from './gatekeeper-constraints.ts'
import { hostsNotAsked } from './hosts.ts'
import { imageConfigsNotAsked } from './image-configs.ts'
import { issuerDiscovery } from './issuer-discovery.ts'
import { kubeconfigFiles } from './kubeconfig-files.ts'
import { kubeletConfigz } from './kubelet-configz.ts'
import { observedFlowsNotGiven } from './observed-flows.ts'
import { observedRequestsNotGiven } from './observed-requests.ts'
import { podSecurityProbe } from './pod-security-probe.ts'
import { profilingProbe } from './profiling-probe.ts'
import { servedResources } from './served-resources.ts'
import { serverVersion } from './server-version.ts'
import { storedForm } from './stored-form.ts'

/** Every fact of a live cluster. The compiler refuses a fact without a line here. */
export const FACTS: { readonly [F in FactName]: Fact<F> } = {
  ServerVersion: serverVersion,
  ApiServerFlagz: apiServerFlagz,
  ApiServers: apiServers,
  ApiServerMetrics: apiServerMetrics,
  ServedResources: servedResources,
  StoredForm: storedForm,
  ApiServerHealth: apiServerHealth,
  AnonymousProbe: anonymousProbe,
  IssuerDiscovery: issuerDiscovery,
  ProfilingProbe: profilingProbe,
  Endpoint: endpoint,
  Credential: credential,
  KubeconfigFiles: kubeconfigFiles,
  CloudIam: cloudIamNotAsked,
  KubeletConfigz: kubeletConfigz,
  ImageConfigs: imageConfigsNotAsked,
  GatekeeperConstraints: gatekeeperConstraints,
  PodSecurityProbe: podSecurityProbe,
  ObservedRequests: observedRequestsNotGiven,
  ObservedFlows: observedFlowsNotGiven,
  Hosts: hostsNotAsked,
}
