/** Bootstrap tokens and kubeadm-certs go. No backup is kept: it would hold what must not be kept (safety law 9), and new ones are made by a command. */
import { remedy } from '../src/model/define.ts'
import type { Proposal } from '../src/model/index.ts'

export interface BootstrapEvidence {
  readonly name: string
}

export const removeBootstrapSecret = remedy<BootstrapEvidence>({
  family: 'bootstrap-token',
  reads: [],
  propose({ subject, evidence: { name }, reason, verdict }, { view }): Proposal {
    if (verdict === 'review' && reason.includes('not looked at'))
      return {
        byHand: `kubeadm token list shows until when it is good; kubeadm token delete ${name.replace(/^bootstrap-token-/, '')} if nobody is about to join`,
      }
    if (reason.includes('a group of its own'))
      return {
        byHand:
          'see what the group may do (kubectl auth can-i --list --as=system:bootstrap:x --as-group=GROUP), and make a token without auth-extra-groups instead',
      }
    const isKeys = name === 'kubeadm-certs'
    const mayBreak = isKeys
      ? [
          'nobody can join a control-plane node with the old --certificate-key: kubeadm init phase upload-certs --upload-certs makes another for two hours',
        ]
      : ['whoever still wants to join with this token is refused: kubeadm token create --print-join-command makes another for a day']
    const summary = isKeys ? 'delete the keys that were left for a join' : 'delete the bootstrap token'
    if (view.source.kind !== 'live') return { changes: [{ type: 'delete', target: subject }], risk: 'safe', summary, mayBreak }
    return {
      changes: [
        {
          type: 'command',
          argv: ['kubectl', ...contextOf(view.source.name), '--namespace', 'kube-system', 'delete', 'secret', name],
          where: 'a shell with kubectl',
        },
      ],
      risk: 'safe',
      summary,
      mayBreak: [...mayBreak, 'there is no undo: that would mean to keep its value'],
    }
  },
})

/** In a pod there is no kubeconfig that would have a context. */
const contextOf = (name: string): readonly string[] => (name === 'in-cluster' ? [] : ['--context', name])
