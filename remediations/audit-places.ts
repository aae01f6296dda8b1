/** Where the audit policy and the log lie: as kubeadm's guides have it, in k3s' and RKE2's own directories, or in Talos' machine configuration. */
import type { Change, ConfigFile, Json, Proposal, Readable, View } from '../src/model/index.ts'
import type { AuditRule } from '../src/objects/audit-policy.ts'
import { RECOMMENDED_OMIT_STAGES, RECOMMENDED_RULES } from '../src/objects/audit-policy-recommended.ts'
import { distribution } from '../src/objects/distribution.ts'
import type { HostFile } from '../src/objects/flag-edits.ts'
import { RKE2_POLICY } from '../src/objects/flag-k3s.ts'
import { hostOf, nodePathOf } from '../src/objects/host-files.ts'
import type { Rancher } from '../src/objects/rancher-settings.ts'
import { kubernetesYaml } from '../src/objects/yaml-write.ts'
import { restartOf } from './rancher-config.ts'
import { TALOS_FIRST, TALOS_LAST } from './talos-patch.ts'

interface AuditPlaces {
  readonly policy: string
  readonly log: string
}
const USUAL: AuditPlaces = { policy: '/etc/kubernetes/audit-policy.yaml', log: '/var/log/kubernetes/audit' }
/** Where their hardening guides and their own defaults have them, so that their rights and SELinux labels fit (https://docs.k3s.io/security/hardening-guide). */
const AT_RANCHER: Readonly<Record<Rancher, AuditPlaces>> = {
  k3s: { policy: '/var/lib/rancher/k3s/server/audit-policy.yaml', log: '/var/lib/rancher/k3s/server/logs' },
  rke2: { policy: RKE2_POLICY, log: '/var/lib/rancher/rke2/server/logs' },
}
export function placesFor(view: View<Readable>): AuditPlaces {
  const { name } = distribution(view)
  return name === 'k3s' || name === 'rke2' ? AT_RANCHER[name] : USUAL
}
export const policyFile = ({ policy }: AuditPlaces): HostFile => ({ name: 'audit-policy', path: policy, type: 'File', readOnly: true })
export const logFiles = ({ log }: AuditPlaces): HostFile => ({ name: 'audit-log', path: log, type: 'DirectoryOrCreate', readOnly: false })

/** Nothing restarts the API server inside k3s, or makes RKE2 write its static pod anew, but the service itself: the policy as a file, with the steps. */
export function rancherPolicy(
  policy: ConfigFile,
  after: { readonly rules: readonly AuditRule[]; readonly omitStages: readonly string[] },
  view: View<Readable>,
): Change | undefined {
  const place = nodePathOf(policy)
  const rancher = place && hostOf(view, place.node)?.rancher
  if (place === undefined || rancher === undefined) return undefined
  const { metadata: _named, ...file } = policy
  const name = `audit-policy.${place.node}.yaml`
  const restart = `on ${place.node}, as root: \`${restartOf(rancher.program)}\`, and wait until \`kubectl get --raw=/readyz\` says ok before another node`
  return {
    type: 'file',
    name,
    text: {
      text: kubernetesYaml({ ...file, apiVersion: 'audit.k8s.io/v1', omitStages: after.omitStages, rules: after.rules } as unknown as Json),
    },
    mode: 0o600,
    runbook: [
      `copy ${name} to ${place.node}, and there, as root: \`install -b -S .before-k8s-harden -o root -g root -m 0600 ${name} ${place.path}\``,
      restart,
      'scan again: `k8s-harden scan`',
    ],
    rollback: [`on ${place.node}, as root: \`mv ${place.path}.before-k8s-harden ${place.path}\``, restart],
  }
}

/** Talos gives its API server policy, log and retention by itself; the policy is a part of the machine configuration (ClusterConfig, apiServer.auditPolicy). */
export function talosAudit(): Proposal {
  const name = 'talos-audit.yaml'
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: RECOMMENDED_OMIT_STAGES,
    rules: RECOMMENDED_RULES.map(({ rule }) => rule),
  }
  return {
    changes: [
      {
        type: 'file',
        name,
        text: {
          text: `# A patch of the machine configuration of every control-plane node.\n${kubernetesYaml({ cluster: { apiServer: { auditPolicy: policy } } } as unknown as Json)}`,
        },
        mode: 0o600,
        runbook: [
          ...TALOS_FIRST,
          'in the machine configuration, cluster.apiServer.extraArgs says nothing of audit: Talos sets these flags itself',
          `on one control-plane node after the other: \`talosctl -n NODE patch mc --mode=no-reboot -p @${name}\``,
          'before the next node, `talosctl -n NODE get staticpodstatus` shows kube-apiserver ready, and `talosctl -n NODE ls /var/log/audit/kube` names kube-apiserver.log',
          'scan again: `k8s-harden scan`',
        ],
        rollback: TALOS_LAST,
      },
    ],
    risk: 'may-break',
    summary: 'write an audit log',
    mayBreak: [
      'the API servers restart, one after the other',
      'the audit log takes disk on every control-plane node: up to 1 GB as Talos keeps it',
    ],
  }
}
