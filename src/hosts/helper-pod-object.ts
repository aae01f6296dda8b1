/** What a helper pod and its namespace look like. */

export const NAMESPACE = 'k8s-harden-nodes'
export const CONTAINER = 'node'
export const MADE_BY_US = { 'app.kubernetes.io/managed-by': 'k8s-harden' } as const
export const COMPONENT = { 'app.kubernetes.io/component': 'helper-pod' } as const
export const RUN_LABEL = 'k8s-harden/run'
export const ORIGIN = 'k8s-harden/origin'

/** busybox: all programs of FILE_COMMANDS in 2 MB. The digest is that of the index, so it is right for every architecture. */
export const DEFAULT_IMAGE = 'docker.io/library/busybox:1.36.1@sha256:73aaf090f3d85aa34ee199857f03fa3a95c8ede2ffd4cc2cdb5b94e566b11662'
/** Seconds; then the kubelet ends the pod, whether or not anybody is left who could delete it. */
export const LIFETIME = 1800
/** Of the pod alone, in memory: copies of what a guard may have to put back. */
export const GUARD_FOLDER = '/run/k8s-harden'
export const GUARD_LABEL = 'k8s-harden/guards'

export interface Run {
  /** Label value; new for every start of the program. */
  readonly id: string
  /** Machine and process, by which another run tells whether this one still lives. */
  readonly origin: string
}

export interface Folder {
  readonly path: string
  readonly writable: boolean
}
export const volumeName = (index: number): string => `node-${index}`

export interface PodSpec {
  readonly node: string
  readonly name: string
  readonly image: string
  readonly folders: readonly Folder[]
  readonly run: Run
  /** The program of a pod that guards files; without, it only waits for programs to run. */
  readonly watching?: readonly string[]
}

/** Everything that Pod Security's level "restricted" asks for, but for the host paths, user 0 and the three capabilities that files of the node need. */
export const podObject = ({ node, name, image, folders, run, watching }: PodSpec) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: NAMESPACE,
    labels: { ...MADE_BY_US, ...COMPONENT, [RUN_LABEL]: run.id, ...(watching && { [GUARD_LABEL]: 'true' }) },
    annotations: {
      [ORIGIN]: run.origin,
      'kubernetes.io/description': 'Opens files of its node for k8s-harden while that runs; it may be deleted at any time.',
      'sidecar.istio.io/inject': 'false',
      'linkerd.io/inject': 'disabled',
    },
  },
  spec: {
    // Past the scheduler: no other node will do.
    nodeName: node,
    tolerations: [{ operator: 'Exists' }],
    restartPolicy: 'Never',
    activeDeadlineSeconds: LIFETIME,
    terminationGracePeriodSeconds: watching ? 30 : 1,
    // The kubelet makes room for static pods that come back by ending pods of a lower class.
    ...(watching && { priorityClassName: 'system-node-critical' }),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { runAsUser: 0, runAsGroup: 0, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: CONTAINER,
        image,
        imagePullPolicy: 'IfNotPresent',
        command: watching ?? ['sleep', String(LIFETIME)],
        resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '128Mi' } },
        securityContext: {
          privileged: false,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          // User 0 alone cannot look into what belongs to others (etcd's data), nor give a file to them. Not DAC_READ_SEARCH: that opens
          // files of the node beyond the folders.
          capabilities: { drop: ['ALL'], add: ['DAC_OVERRIDE', ...(folders.some(({ writable }) => writable) ? ['CHOWN', 'FOWNER'] : [])] },
          // Where SELinux is on, a container's usual type may not touch files of the node.
          seLinuxOptions: { type: 'spc_t' },
        },
        volumeMounts: [
          ...folders.map(({ path, writable }, index) => ({ name: volumeName(index), mountPath: path, readOnly: !writable })),
          ...(watching ? [{ name: 'guard', mountPath: GUARD_FOLDER, readOnly: false }] : []),
        ],
      },
    ],
    volumes: [
      ...folders.map(({ path, writable }, index) => ({
        name: volumeName(index),
        // Without a type the runtime would make a folder that is missing, which is no looking.
        hostPath: { path, type: writable ? 'DirectoryOrCreate' : 'Directory' },
      })),
      ...(watching ? [{ name: 'guard', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } }] : []),
    ],
  },
})

/** Host paths need Pod Security's level "privileged". */
export const namespaceObject = () => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: NAMESPACE,
    labels: {
      ...MADE_BY_US,
      ...Object.fromEntries(['enforce', 'audit', 'warn'].map((mode) => [`pod-security.kubernetes.io/${mode}`, 'privileged'])),
    },
  },
})
