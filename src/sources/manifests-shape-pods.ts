/** Shapes: what they are made of, and those of pods, which every workload has in it. */

export type Shape =
  | 'any'
  | 'flag'
  | 'text'
  | 'texts'
  | 'labels'
  | { readonly list: Shape }
  | {
      readonly map: Fields /** Always there for a control: empty where a file (a patch for kustomize, say) leaves it out. */
      readonly needs?: readonly string[]
      /** The API server does not take nothing for it: what it would be lacks what it must have. */
      readonly neverNull?: true
    }
export interface Fields {
  readonly [field: string]: Shape
}

const mapOf = (fields: Fields, ...needs: readonly string[]) => ({ map: fields, needs })
export const map = (fields: Fields = {}, ...needs: readonly string[]): Shape => mapOf(fields, ...needs)
export const list = (item: Shape = map()): Shape => ({ list: item })

export const SELECTOR = map({
  matchLabels: 'labels',
  matchExpressions: list(map({ key: 'text', operator: 'text', values: 'texts' }, 'key', 'operator')),
})
export const NAMED = map({ name: 'text' })
export const METADATA: Fields = {
  name: 'text',
  namespace: 'text',
  generateName: 'text',
  uid: 'text',
  resourceVersion: 'text',
  creationTimestamp: 'text',
  labels: 'labels',
  annotations: 'labels',
  ownerReferences: list(map({ apiVersion: 'text', kind: 'text', name: 'text', uid: 'text' })),
  managedFields: list(map({ manager: 'text' })),
}
const PROFILES: Fields = {
  seccompProfile: map({ type: 'text', localhostProfile: 'text' }),
  appArmorProfile: map({ type: 'text' }),
  seLinuxOptions: 'labels',
  windowsOptions: map({ hostProcess: 'flag' }),
  runAsNonRoot: 'flag',
}
const CONTAINER = mapOf(
  {
    name: 'text',
    image: 'text',
    imagePullPolicy: 'text',
    command: 'texts',
    args: 'texts',
    restartPolicy: 'text',
    env: list(map({ name: 'text', value: 'text', valueFrom: map({ secretKeyRef: NAMED, configMapKeyRef: NAMED }) }, 'name')),
    envFrom: list(map({ secretRef: NAMED, configMapRef: NAMED })),
    ports: list(map({ name: 'text', protocol: 'text' })),
    volumeMounts: list(map({ name: 'text', mountPath: 'text', subPath: 'text' }, 'name', 'mountPath')),
    securityContext: map({
      privileged: 'flag',
      allowPrivilegeEscalation: 'flag',
      readOnlyRootFilesystem: 'flag',
      capabilities: map({ add: 'texts', drop: 'texts' }),
      procMount: 'text',
      ...PROFILES,
    }),
    resources: map({ limits: map(), requests: map() }),
    livenessProbe: map(),
    readinessProbe: map(),
    startupProbe: map(),
    lifecycle: map(),
  },
  'name',
)
const VOLUME = map(
  {
    name: 'text',
    hostPath: map({ path: 'text', type: 'text' }, 'path'),
    secret: map({ secretName: 'text' }),
    configMap: NAMED,
    persistentVolumeClaim: map({ claimName: 'text' }),
    projected: map({
      sources: list(map({ serviceAccountToken: map({ audience: 'text', path: 'text' }), secret: NAMED, configMap: NAMED })),
    }),
  },
  'name',
)
export const POD_SPEC = map(
  {
    containers: list({ ...CONTAINER, neverNull: true }),
    initContainers: list({ ...CONTAINER, neverNull: true }),
    ephemeralContainers: list(CONTAINER),
    volumes: list(VOLUME),
    securityContext: map({
      sysctls: list(map({ name: 'text', value: 'text' }, 'name', 'value')),
      supplementalGroups: list('any'),
      ...PROFILES,
    }),
    imagePullSecrets: list(NAMED),
    nodeSelector: 'labels',
    tolerations: list(map({ key: 'text', operator: 'text', value: 'text', effect: 'text' })),
    os: NAMED,
    hostNetwork: 'flag',
    hostPID: 'flag',
    hostIPC: 'flag',
    hostUsers: 'flag',
    shareProcessNamespace: 'flag',
    automountServiceAccountToken: 'flag',
    serviceAccountName: 'text',
    serviceAccount: 'text',
    nodeName: 'text',
    dnsPolicy: 'text',
    runtimeClassName: 'text',
    restartPolicy: 'text',
    priorityClassName: 'text',
    affinity: map(),
  },
  'containers',
)
export const TEMPLATE = map({ metadata: map({ labels: 'labels', annotations: 'labels' }), spec: POD_SPEC })
export const CONTAINER_STATUSES = list(
  map({
    name: 'text',
    image: 'text',
    imageID: 'text',
    state: map({ waiting: map(), running: map(), terminated: map() }),
    user: map({ linux: map() }),
  }),
)
export const CONDITIONS = list(map({ type: 'text', status: 'text' }))
