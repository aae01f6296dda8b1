import { nodeFiles } from '../../../remediations/node-files.ts'
import { control } from '../../model/define.ts'
import type { HostFileSeen } from '../../model/index.ts'
import { type FileRule, fileRule } from '../../objects/host-file-rules.ts'

export default control({
  title: 'Files of Kubernetes on the nodes must belong to root, and be closed to others',
  severity: 'medium',
  why: 'Who may read a key or a kubeconfig there is what it stands for; who may write a static pod manifest runs what he likes as root.',
  references: [
    { standard: 'CIS', section: '1.1.1-1.1.21' },
    { standard: 'CIS', section: '4.1.1-4.1.10' },
    { standard: 'KS', section: 'C-0092' },
    { standard: 'KS', section: 'C-0162' },
  ],
  reads: ['Hosts'],
  *evaluate(view) {
    const hosts = view.fact('Hosts')?.hosts ?? []
    const seen = hosts.filter((host) => host.refused === undefined)
    for (const { node, carrier, files, unread, assumed } of seen) {
      if (assumed !== undefined)
        yield { note: `how the kubelet of ${node} was started is not known (${assumed}): the places of kubeadm were looked at` }
      // Kept elsewhere (k3s, Talos and others have places of their own): what was not found is not in order.
      if (!files.some(({ role }) => role === 'kubelet-config' || role === 'kubeconfig'))
        yield { unknown: `no file of a kubelet was found on node ${node}, where they usually lie`, answer: ELSEWHERE }
      for (const file of files) {
        const rule = fileRule(file)
        if (rule === undefined) continue
        const isNamed = file.owner !== undefined || carrier !== 'helper-pod'
        const faults = faultsOf(file, rule).filter((fault) => isNamed || !rule.etcd || !fault.owner)
        // A helper pod knows no names of the node.
        if (rule.etcd && !isNamed && !rule.owner(file))
          yield { unknown: `whether user ${file.uid} of node ${node}, whom ${file.path} belongs to, is etcd is not known`, answer: ANSWER }
        if (faults.length === 0) continue
        yield {
          subject: { apiVersion: 'v1', kind: 'Node', name: node },
          key: file.path,
          reason: faults.map(({ reason }) => reason).join(' and '),
          detail: `${file.path}: ${faults.map(({ detail }) => detail).join(', ')}`,
          severity: rule.secret && faults.some(({ grave }) => grave) ? ('high' as const) : ('medium' as const),
          origin: 'workload' as const,
          evidence: { grade: 'E1', node, path: file.path, mode: octal(file.mode), uid: file.uid, gid: file.gid, most: octal(rule.mode) },
        }
      }
      for (const { path, because } of unread)
        yield { unknown: `${path} of node ${node} could not be looked at: ${because}`, answer: ANSWER }
    }
    for (const { node, refused } of hosts)
      if (refused !== undefined) yield { unknown: `node ${node} could not be looked at: ${refused}`, answer: ANSWER }
    if (hosts.length > 0) yield { note: `${seen.length} of ${hosts.length} named nodes were looked at` }
    else yield { unknown: 'no node was looked at', answer: ANSWER }
  },
  remedy: nodeFiles,
  verify: '`stat -c "%a %U:%G %n"` of the file shows the mode and the owner.',
})

const ANSWER = 'say how the node is reached, as root: --host NODE=ssh:root@ADDRESS'
const ELSEWHERE = 'look at the modes of its files there: `ps -o args= -C kubelet` shows where its kubelet has them'
const octal = (mode: number): string => mode.toString(8)

function faultsOf(
  file: HostFileSeen,
  rule: FileRule,
): { readonly reason: string; readonly detail: string; readonly grave: boolean; readonly owner?: true }[] {
  const open = file.mode & ~rule.mode & 0o7777
  return [
    ...(open === 0
      ? []
      : [
          {
            reason: `has ${rule.words} that others than its owner may use`,
            detail: `mode ${octal(file.mode)}, at most ${octal(rule.mode)}`,
            grave: (file.mode & 0o007) !== 0 || (file.mode & 0o022) !== 0,
          },
        ]),
    ...(rule.owner(file)
      ? []
      : [{ reason: `has ${rule.words} that do not belong to root`, detail: `owner ${nameOf(file)}`, grave: true, owner: true as const }]),
  ]
}
const nameOf = ({ owner, uid, group, gid }: HostFileSeen): string => `${owner ?? uid}:${group ?? gid}`
