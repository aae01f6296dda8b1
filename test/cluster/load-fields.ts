/** The managedFields that real objects carry: about a third of a pod's bytes, so a benchmark must have them. */
type Fields = { readonly [name: string]: Fields }

const fields = (...names: string[]): Fields => Object.fromEntries(names.map((name) => [`f:${name}`, {}]))

function entry(manager: string, time: string, apiVersion: string, fieldsV1: Fields, subresource?: string) {
  return { manager, operation: 'Update', apiVersion, time, fieldsType: 'FieldsV1', fieldsV1, subresource }
}

const probe: Fields = {
  ...fields('failureThreshold', 'periodSeconds', 'successThreshold', 'timeoutSeconds'),
  'f:httpGet': { '.': {}, ...fields('path', 'port', 'scheme') },
}

const container: Fields = {
  '.': {},
  ...fields('envFrom', 'image', 'imagePullPolicy', 'name', 'terminationMessagePath', 'terminationMessagePolicy'),
  'f:env': {
    '.': {},
    'k:{"name":"LOG_LEVEL"}': { '.': {}, ...fields('name', 'value') },
    'k:{"name":"POD_NAME"}': { '.': {}, ...fields('name'), 'f:valueFrom': { '.': {}, ...fields('fieldRef') } },
    'k:{"name":"SHARD"}': { '.': {}, ...fields('name', 'value') },
  },
  'f:livenessProbe': probe,
  'f:readinessProbe': probe,
  'f:ports': { '.': {}, 'k:{"containerPort":8080,"protocol":"TCP"}': { '.': {}, ...fields('containerPort', 'name', 'protocol') } },
  'f:resources': { '.': {}, 'f:limits': { '.': {}, ...fields('memory') }, 'f:requests': { '.': {}, ...fields('cpu', 'memory') } },
}

const podSpec: Fields = {
  'f:containers': { 'k:{"name":"app"}': container },
  ...fields('dnsPolicy', 'enableServiceLinks', 'restartPolicy', 'schedulerName', 'securityContext'),
  ...fields('serviceAccount', 'serviceAccountName', 'terminationGracePeriodSeconds'),
}

const labels: Fields = { '.': {}, ...fields('app.kubernetes.io/name', 'app.kubernetes.io/part-of') }

/** What the controller manager owns of a pod. */
export function podFields(time: string) {
  const metadata: Fields = {
    'f:generateName': {},
    'f:labels': { ...labels, ...fields('pod-template-hash') },
    'f:ownerReferences': { '.': {}, 'k:{"uid":"5f1c1f0e-2c47-4d0f-9d0a-6f7f6f1f3a10"}': {} },
  }
  return [entry('kube-controller-manager', time, 'v1', { 'f:metadata': metadata, 'f:spec': podSpec })]
}

const condition: Fields = { '.': {}, ...fields('lastProbeTime', 'lastTransitionTime', 'observedGeneration', 'status', 'type') }
const conditions = ['ContainersReady', 'Initialized', 'PodReadyToStartContainers', 'Ready']

/** What the kubelet owns of a pod. */
export function podStatusFields(time: string) {
  const status: Fields = {
    'f:conditions': Object.fromEntries(conditions.map((type) => [`k:{"type":"${type}"}`, condition])),
    ...fields('containerStatuses', 'hostIP', 'hostIPs', 'observedGeneration', 'phase', 'podIP', 'startTime'),
    'f:podIPs': { '.': {}, 'k:{"ip":"10.64.0.1"}': { '.': {}, ...fields('ip') } },
  }
  return [entry('kubelet', time, 'v1', { 'f:status': status }, 'status')]
}

/** What the person who deployed owns of a Deployment. */
export function deploymentFields(time: string) {
  const spec: Fields = {
    ...fields('progressDeadlineSeconds', 'replicas', 'revisionHistoryLimit', 'selector'),
    'f:strategy': { ...fields('type'), 'f:rollingUpdate': { '.': {}, ...fields('maxSurge', 'maxUnavailable') } },
    'f:template': { 'f:metadata': { 'f:labels': labels }, 'f:spec': podSpec },
  }
  return [entry('helm', time, 'apps/v1', { 'f:metadata': { 'f:labels': labels }, 'f:spec': spec })]
}
