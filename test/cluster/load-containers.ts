/** The ways in which the workloads of a generated cluster are good or bad: one in ten of each, the rest hardened. */
interface Flavour {
  readonly image?: string
  readonly securityContext?: Record<string, unknown>
  readonly resources?: Record<string, unknown>
  readonly env?: readonly Record<string, unknown>[]
  readonly mounts?: readonly { name: string; mountPath: string; readOnly?: boolean }[]
  readonly pod?: { volumes?: Record<string, unknown>[]; hostNetwork?: boolean; automountServiceAccountToken?: boolean }
}

const hardened: Flavour = {
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 1000,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  },
}

const flavours: readonly Flavour[] = [
  { securityContext: { privileged: true } },
  {
    mounts: [{ name: 'host', mountPath: '/host' }],
    pod: { volumes: [{ name: 'host', hostPath: { path: '/', type: '' } }] },
  },
  { pod: { hostNetwork: true } },
  { image: 'registry.example.test/team/app:latest', resources: {} },
  { env: [{ name: 'DB_PASSWORD', value: 'not-a-secret' }] },
  { securityContext: { capabilities: { add: ['NET_ADMIN'] } } },
  hardened,
  hardened,
  hardened,
  { ...hardened, resources: {} },
]

/** How the workload with this number is written. */
export function flavourOf(index: number): Flavour {
  return flavours[index % flavours.length] as Flavour
}

/** Its container, with the defaults that the API server fills in. */
export function containerOf(index: number) {
  const { image, securityContext, resources, env = [], mounts = [] } = flavourOf(index)
  return {
    name: 'app',
    image: image ?? `registry.example.test/team-${index % 50}/app:1.${index % 30}.0`,
    imagePullPolicy: 'IfNotPresent',
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
      { name: 'LOG_LEVEL', value: 'info' },
      { name: 'SHARD', value: String(index) },
      ...env,
    ],
    envFrom: [{ configMapRef: { name: `app-${index}` } }],
    resources: resources ?? { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    livenessProbe: probe('/healthz'),
    readinessProbe: probe('/readyz'),
    ...(securityContext ? { securityContext } : {}),
    volumeMounts: [...mounts],
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  }
}

function probe(path: string) {
  return {
    httpGet: { path, port: 'http', scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  }
}
