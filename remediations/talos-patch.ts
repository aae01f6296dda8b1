/**
 * Talos: nodes without a shell, whose static pods and kubelet are made from the machine configuration; each change is a patch of that
 * (https://www.talos.dev/latest/talos-guides/configuration/patching/).
 */
import type { Change, Json } from '../src/model/index.ts'
import type { FlagValues, HostFile } from '../src/objects/flag-edits.ts'
import { EXTRA_ARGS } from '../src/objects/flag-kubeadm.ts'
import { kubernetesYaml } from '../src/objects/yaml-write.ts'
import type { Handover } from './handover.ts'

export const TALOS_FIRST: readonly string[] = [
  "keep what each node has now, away from the cluster, since it holds keys: `talosctl -n NODE get mc v1alpha1 -o jsonpath='{.spec}' > NODE.machineconfig.yaml`",
]
export const TALOS_LAST: readonly string[] = [
  'on one node after the other: `talosctl -n NODE apply-config --mode=no-reboot -f NODE.machineconfig.yaml`, with what was kept of that node',
]
/** Flags that Talos refuses in extraArgs, and what says the same (control_plane_static_pod.go: MergeDenied); undefined where nothing does. */
const DENIED: Readonly<Record<string, string | undefined>> = {
  'encryption-provider-config': 'cluster.secretboxEncryptionSecret',
  'authorization-config': 'cluster.apiServer.authorizationConfig',
  ...Object.fromEntries(
    [
      ...['etcd-servers', 'etcd-cafile', 'etcd-certfile', 'etcd-keyfile', 'client-ca-file', 'requestheader-client-ca-file'],
      ...['kubelet-client-certificate', 'kubelet-client-key', 'service-account-key-file', 'service-account-signing-key-file'],
      ...['tls-cert-file', 'tls-private-key-file', 'proxy-client-cert-file', 'proxy-client-key-file', 'root-ca-file'],
      ...['service-account-private-key-file', 'cluster-signing-cert-file', 'cluster-signing-key-file'],
    ].map((flag) => [flag, undefined]),
  ),
}

/** Flags of a component, as a patch; a policy that would be placed as a file stands in the patch itself. */
export function talosFlags(handover: Handover): Change | { readonly byHand: string } {
  const denied = Object.keys(handover.values).find((flag) => Object.hasOwn(DENIED, flag))
  if (denied !== undefined)
    return {
      byHand: `Talos gives --${denied} itself and refuses it in extraArgs: ${DENIED[denied] === undefined ? 'there is no setting for it in the machine configuration' : `set ${DENIED[denied]} of the machine configuration instead (talosctl -n NODE edit mc, on one control-plane node after the other)`}`,
    }
  const { component, values, files, instances } = handover
  // The sections have the names of kubeadm's.
  const [section] = EXTRA_ARGS[component] as [string]
  const set = Object.fromEntries(Object.entries(values).filter((one): one is [string, string] => one[1] !== null))
  const out = Object.keys(values).filter((flag) => values[flag] === null && instances.some(({ flags }) => flags.has(flag)))
  const name = `talos-${component}.yaml`
  const volumes = volumesOf(files, values)
  const content: { [key: string]: Json } = {
    cluster: {
      [section]: { ...(Object.keys(set).length > 0 && { extraArgs: set }), ...(volumes.length > 0 && { extraVolumes: volumes }) },
    },
  }
  const places = Object.keys(set).length + volumes.length > 0
  return {
    type: 'file',
    name,
    text: {
      text: places
        ? `# A patch of the machine configuration of every control-plane node.\n${kubernetesYaml(content)}`
        : `# Nothing to add: of cluster.${section}.extraArgs on every control-plane node, take out ${out.join(', ')}\n{}\n`,
    },
    mode: 0o600,
    runbook: [
      ...handover.first,
      ...TALOS_FIRST,
      ...(places ? [`on one control-plane node after the other: \`talosctl -n NODE patch mc --mode=no-reboot -p @${name}\``] : []),
      ...(out.length > 0
        ? [
            `on one control-plane node after the other: \`talosctl -n NODE edit mc --mode=no-reboot\`, and take ${out.join(', ')} out of cluster.${section}.extraArgs`,
          ]
        : []),
      `before the next node, \`talosctl -n NODE get staticpodstatus\` shows ${component} ready, and \`kubectl get --raw=/readyz\` says ok`,
      ...handover.verify,
      'scan again: `k8s-harden scan`',
    ],
    rollback: [...handover.undoFirst, ...TALOS_LAST],
  }
}

/** Of what is mounted, that which a flag of the operator's needs. */
function volumesOf(files: readonly HostFile[], values: FlagValues): readonly Json[] {
  const named = Object.values(values).flatMap((value) => (value === null ? [] : [value]))
  return files
    .filter(({ path }) => named.some((value) => value === path || value.startsWith(`${path}/`)))
    .map(({ path, readOnly }) => ({ hostPath: path, mountPath: path, readonly: readOnly }))
}
