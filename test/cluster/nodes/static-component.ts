import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Site, waitFor } from '../control-plane.ts'
import { writeKubeconfig } from '../kubeconfig.ts'
import { kubernetesVersion } from '../recipe.ts'
import { manifestFolder } from './kubelet.ts'
import type { Host } from './static-apiserver.ts'

/** The controller manager or the scheduler, which the kubelet runs from a manifest. */
export interface StaticComponent {
  /** This machine's path of the manifest. */
  readonly manifest: string
  /** The name of its mirror pod in kube-system. */
  readonly pod: string
}

const pki = '/etc/kubernetes/pki'
const parts = {
  'kube-controller-manager': {
    conf: '/etc/kubernetes/controller-manager.conf',
    port: 10_257,
    binary: 'controllerManager',
    probes: { livenessProbe: '/healthz', startupProbe: '/healthz' },
  },
  'kube-scheduler': {
    conf: '/etc/kubernetes/scheduler.conf',
    port: 10_259,
    binary: 'scheduler',
    probes: { livenessProbe: '/livez', readinessProbe: '/readyz', startupProbe: '/livez' },
  },
} as const

/**
 * Runs a component as a static pod with the manifest, paths and flags that kubeadm writes, in place of the cluster's own one, and waits
 * until it is ready. `url` is that of the API server it asks.
 */
export async function runStaticComponent(site: Site, host: Host, component: keyof typeof parts, url: string): Promise<StaticComponent> {
  const { conf, binary } = parts[component]
  const name = `k8s-harden.test/${component}:${kubernetesVersion}`
  const program = site.binaries[binary]
  if (program === undefined) throw new Error(`no ${component} among the binaries`)
  await host.addImages([{ name, files: { [`/usr/local/bin/${component}`]: { copyOf: program } } }])
  const credentials = await site.authority.issueClient({ user: `system:${component}` })
  await writeKubeconfig(host.path(conf), { url, ca: site.authority.certificate, name: `system:${component}`, credentials })
  if (component === 'kube-controller-manager')
    await writeFile(host.path(`${pki}/ca.key`), await readFile(join(site.dir, 'ca.key')), { mode: 0o600 })
  // Two would do everything twice.
  await site.supervisor.stop(component)
  const manifest = host.path(`${manifestFolder}/${component}.yaml`)
  await writeFile(manifest, stringify(podOf(component, name)), { mode: 0o600 })
  const pod = `${component}-${host.name}`
  const isReady = async () =>
    (
      await site.api.get<{ status: { conditions: { type: string; status: string }[] } }>(`/api/v1/namespaces/kube-system/pods/${pod}`)
    ).status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
  await waitFor(`the static pod of ${component}`, host.kubelet, isReady)
  return { manifest, pod }
}

const flagsOf = {
  'kube-controller-manager': [
    '--bind-address=127.0.0.1',
    `--client-ca-file=${pki}/ca.crt`,
    '--cluster-name=kubernetes',
    `--cluster-signing-cert-file=${pki}/ca.crt`,
    `--cluster-signing-key-file=${pki}/ca.key`,
    '--controllers=*,bootstrapsigner,tokencleaner',
    '--leader-elect=true',
    `--root-ca-file=${pki}/ca.crt`,
    `--service-account-private-key-file=${pki}/sa.key`,
    '--use-service-account-credentials=true',
  ],
  'kube-scheduler': ['--bind-address=127.0.0.1', '--leader-elect=true'],
}

function podOf(component: keyof typeof parts, image: string) {
  const { conf, port, probes } = parts[component]
  const probe = ([name, path]: [string, string]) => {
    const httpGet = { host: '127.0.0.1', path, port, scheme: 'HTTPS' }
    const first = name === 'startupProbe' ? { failureThreshold: 24, periodSeconds: 2 } : { failureThreshold: 8, periodSeconds: 10 }
    return [name, { httpGet, timeoutSeconds: 15, ...first }]
  }
  const kubeconfigs = ['authentication-kubeconfig', 'authorization-kubeconfig', 'kubeconfig'].map((flag) => `--${flag}=${conf}`)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { labels: { component, tier: 'control-plane' }, name: component, namespace: 'kube-system' },
    spec: {
      containers: [
        {
          command: [component, ...kubeconfigs, ...flagsOf[component]],
          image,
          imagePullPolicy: 'Never',
          ...Object.fromEntries(Object.entries(probes).map(probe)),
          name: component,
          resources: { requests: { cpu: '100m' } },
          volumeMounts: [
            { mountPath: pki, name: 'k8s-certs', readOnly: true },
            { mountPath: conf, name: 'kubeconfig', readOnly: true },
          ],
        },
      ],
      hostNetwork: true,
      priority: 2_000_001_000,
      priorityClassName: 'system-node-critical',
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      terminationGracePeriodSeconds: 2,
      volumes: [
        { hostPath: { path: pki, type: 'DirectoryOrCreate' }, name: 'k8s-certs' },
        { hostPath: { path: conf, type: 'FileOrCreate' }, name: 'kubeconfig' },
      ],
    },
  }
}
