/** What an operator does on control-plane nodes that this tool does not reach: commands to copy wherever one does it, in an order that never leaves a node between two states. */
import type { FlagValues, MissingMount } from '../src/objects/flag-edits.ts'
import type { Component, ComponentInstance } from '../src/objects/flags.ts'

/** What is to change in the manifest of one node. */
export interface ManifestOfNode {
  /** Absent where no static pod is seen. */
  readonly node?: string
  readonly instance: ComponentInstance
  readonly values: FlagValues
  /** Those that its static pod lacks. */
  readonly mounts: readonly MissingMount[]
}

/** Where files wait on a node: what lies in the manifests directory is run. */
const STAGE = '/root/k8s-harden'
const STAGED = `mkdir -p -m 0700 ${STAGE}`
/** `20261126-1015`. */
export const stampOf = ({ now }: { readonly now: number }): string =>
  new Date(now).toISOString().slice(0, 16).replaceAll(/[-:]/g, '').replace('T', '-')
const onNodes = (nodes: readonly string[]): string => (nodes.length === 0 ? '' : ` (${nodes.join(', ')})`)

/** The steps that bring a file to its place on every control-plane node, and their way back. `directory`: its own, which may be missing. */
export function placing(
  name: string,
  path: string,
  nodes: readonly string[],
  directory?: string,
): { runbook: string[]; rollback: string[] } {
  return {
    runbook: [
      `copy ${name} to every control-plane node${onNodes(nodes)}, into ${STAGE}/ (make it before: \`${STAGED}\`)`,
      `on every control-plane node, as root: \`${directory === undefined ? '' : `mkdir -p -m 0700 ${directory} && `}install -b -S .before-k8s-harden -o root -g root -m 0600 ${STAGE}/${name} ${path} && rm ${STAGE}/${name}\``,
    ],
    rollback: [
      `once no API server names it any more, on every control-plane node, as root: \`rm ${path}\`, and where one was there before: \`mv ${path}.before-k8s-harden ${path}\``,
    ],
  }
}

/** The steps that put a file in the place of one that was placed before; the way back is that one's. */
export const replacing = (name: string, path: string, nodes: readonly string[]): string[] => [
  `copy ${name} to every control-plane node${onNodes(nodes)}, into ${STAGE}/`,
  `on one control-plane node after the other, as root: \`install -o root -g root -m 0600 ${STAGE}/${name} ${path} && rm ${STAGE}/${name}\``,
]

/** A look that the file is there, before anything names it. */
export const liesThere = (path: string): string =>
  `on every control-plane node, as root: \`stat -c '%U %a' ${path}\` says "root 600": a component whose flag names a file that is missing does not start`

/** From the copy of the manifest until the component is back with the new one; the same lines whatever changes, but for those that say what. */
export function manifestSteps(
  component: Component,
  nodes: readonly ManifestOfNode[],
  kubeadm: boolean,
  stamp: string,
): { runbook: string[]; rollback: string[] } {
  const manifest = `/etc/kubernetes/manifests/${component}.yaml`
  const [edited, copy] = [`${STAGE}/${component}.yaml`, `${STAGE}/${component}.yaml.before-${stamp}`]
  const names = nodes.flatMap(({ node }) => node ?? [])
  const admin = kubeadm ? 'kubectl --kubeconfig /etc/kubernetes/admin.conf' : 'kubectl'
  const wait = `on the node, as root: \`${waitCommand(component, manifest, nodes, kubeadm)}\` ends by itself when the new ${component} answers`
  return {
    runbook: [
      ...(names.length > 0
        ? []
        : [
            `no static pod of ${component} is seen: find out how it is started. Where that is a service of systemd (\`systemctl cat ${component}\`), set the flags there, restart it, and leave out what is about the manifest`,
          ]),
      `the steps from here to the one that waits: on one control-plane node after the other${onNodes(names)}, never on two at once`,
      `on the node, as root: \`${STAGED} && { [ -e ${copy} ] || cp -p ${manifest} ${copy}; } && cp -p ${manifest} ${edited}\` (never leave a copy in the manifests directory: the kubelet would run it too)`,
      ...editLines(edited, nodes),
      `on the node, as root: \`${admin} create --dry-run=server -o name -f ${edited}\` finds no mistake, and \`diff ${copy} ${edited}\` shows what you wanted and nothing else`,
      `on the node, as root: \`cp ${edited} ${manifest}\`: from now on the kubelet restarts ${component}`,
      wait,
      `if it does not within three minutes, take the way back below on this node before touching another`,
    ],
    rollback: [
      `on the node that does not come back, or to undo it all on one control-plane node after the other, as root: \`cp ${copy} ${manifest}\``,
      wait,
    ],
  }
}

/** What differs from node to node is said with the node's name. */
function editLines(edited: string, nodes: readonly ManifestOfNode[]): string[] {
  const alike = Map.groupBy(nodes, (one) => JSON.stringify([one.values, one.mounts, listOf(one.instance)]))
  return [...alike.values()].flatMap((group) => {
    const [{ values, mounts, instance }] = group as [ManifestOfNode]
    const where = `in ${edited}${alike.size > 1 ? ` on ${group.map(({ node, instance }) => node ?? instance.name).join(', ')}` : ''}`
    const set = Object.entries(values).flatMap(([flag, value]) => (value === null ? [] : [item(`--${flag}=${value}`)]))
    const out = group.flatMap((one) =>
      Object.entries(one.values).flatMap(([flag, value]) => (value === null && one.instance.flags.has(flag) ? [`--${flag}`] : [])),
    )
    return [
      ...(set.length === 0 ? [] : [`${where}, under ${listOf(instance)}, set: ${set.join(' ')} (in place of a line for the same flag)`]),
      ...(out.length === 0 ? [] : [`${where}, under ${listOf(instance)}, take out: ${[...new Set(out)].map(code).join(' ')}`]),
      ...mounts.map(({ name, path, type, readOnly, has }) =>
        has === 'mount'
          ? `${where}, under volumeMounts, at the one with ${code(`mountPath: ${path}`)}, take out: ${code('readOnly: true')}`
          : `${where}, ${has === 'volume' ? '' : `under volumes, add: ${code(`- {name: ${name}, hostPath: {path: ${path}, type: ${type}}}`)} and `}under volumeMounts, add: ${code(`- {name: ${name}, mountPath: ${path}${readOnly ? ', readOnly: true' : ''}}`)}`,
      ),
    ]
  })
}
const listOf = ({ at }: ComponentInstance): string => (at?.includes('args') === true ? 'args' : 'command')
const code = (text: string): string => `\`${text.replaceAll('`', "'")}\``
const item = (argument: string): string => code(`- ${/^--[\w.-]+=[\w./:,@%+=*-]*$/.test(argument) ? argument : JSON.stringify(argument)}`)

/** A process that is younger than its manifest (proc(5): its start, in hundredths of a second), and healthy: the old one still answers for a moment. */
function waitCommand(component: Component, manifest: string, nodes: readonly ManifestOfNode[], kubeadm: boolean): string {
  const isNew = `p=$(pgrep -o -f "^(/[^ ]*/)?${component} ") && [ $(($(cut -d. -f1 /proc/uptime) - $(cut -d" " -f22 /proc/$p/stat) / 100)) -lt $(($(date +%s) - $(stat -c %Y ${manifest}))) ]`
  return `timeout 180 sh -c 'until ${isNew} && ${healthy(component, nodes, kubeadm)}; do sleep 2; done'`
}

function healthy(component: Component, nodes: readonly ManifestOfNode[], kubeadm: boolean): string {
  const flag = (name: string, otherwise: string): string => {
    const [first, ...others] = new Set(nodes.map(({ instance }) => instance.flags.get(name) || otherwise))
    return others.length === 0 && first !== undefined && /^[\w.:/,-]+$/.test(first) ? first : otherwise
  }
  if (component === 'etcd') return healthyEtcd(flag)
  const bound = flag('bind-address', '0.0.0.0')
  const address = ['0.0.0.0', '::'].includes(bound) ? '127.0.0.1' : bound.includes(':') ? `[${bound}]` : bound
  const url = `https://${address}:${flag('secure-port', PORTS[component])}`
  // The certificate that kubeadm makes is not for loopback addresses, but for this name.
  return component === 'kube-apiserver' && kubeadm
    ? `kubectl --kubeconfig /etc/kubernetes/admin.conf --server ${url} --tls-server-name kubernetes.default.svc get --raw /readyz`
    : `curl -fsk ${url}/${component === 'kube-apiserver' ? 'readyz' : 'healthz'}`
}
const PORTS = { 'kube-apiserver': '6443', 'kube-controller-manager': '10257', 'kube-scheduler': '10259' } as const

function healthyEtcd(flag: (name: string, otherwise: string) => string): string {
  const metrics = flag('listen-metrics-urls', '').split(',')[0]!
  if (metrics.startsWith('http://')) return `curl -fs ${metrics}/health`
  const [ca, cert, key] = [flag('trusted-ca-file', ''), flag('cert-file', ''), flag('key-file', '')]
  return ca === '' || cert === '' || key === ''
    ? 'curl -fs http://127.0.0.1:2379/health'
    : `curl -fs --cacert ${ca} --cert ${cert} --key ${key} https://127.0.0.1:2379/health`
}
