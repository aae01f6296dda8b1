/** Confines kubelets to their own objects: the Node authorizer, NodeRestriction, and no binding that grants what every node may. */

import { remedy } from '../src/model/define.ts'
import type { ConfigFile, Finding, Json, Proposal, Remedy } from '../src/model/index.ts'
import { isDangerousPlugin, isProtectivePlugin, pluginNames, removedPlugins } from '../src/objects/admission-plugins.ts'
import { FLAG_LADDER, serverMinor } from '../src/objects/flags.ts'
import type { SubjectEvidence } from '../src/objects/rbac-exposure.ts'
import { refText } from '../src/objects/ref.ts'
import { type FlagChange, setFlags } from './apiserver-flag.ts'
import { authorizers } from './authorizer-mode.ts'
import { objectOf, withoutSubjects } from './role-binding.ts'

export interface Lack {
  readonly lacks: 'Node' | 'NodeRestriction'
  /** The authorizers there are, where the one for nodes is not among them. */
  readonly modes: readonly string[]
}

const LESS = 'nobody loses a right by it: kubelets gain those on the objects of their own pods'
const FIRST = [
  'kubectl get nodes: every kubelet must be the user system:node:NAME of the group system:nodes (openssl x509 -noout -subject of its certificate shows it); one of another name loses its access',
]

/** First, as kubeadm has it: it has no opinion on anybody but nodes. */
const withNode = (current: string | undefined): string =>
  ['Node', ...(current ?? '').split(',').map((mode) => mode.trim())].filter((mode) => mode !== '').join(',')

const flags: Remedy<Lack> = setFlags<Lack>(({ evidence, subject, key }, { view }): FlagChange | Proposal => {
  if (evidence.lacks === 'NodeRestriction') {
    // What adm-plugins would take out goes too: both may be approved, and they change the same two flags.
    const removed = removedPlugins(serverMinor(view))
    const isSound = (plugin: string): boolean => !isDangerousPlugin(plugin) && !removed.has(plugin)
    return {
      flags: {
        'enable-admission-plugins': (current) => [...new Set([...pluginNames(current).filter(isSound), 'NodeRestriction'])].join(','),
        'disable-admission-plugins': (current) =>
          pluginNames(current)
            .filter((plugin) => !isProtectivePlugin(plugin))
            .join(',') || null,
      },
      summary: 'run NodeRestriction',
      first: FIRST,
      mayBreak: ['kubelets, and agents that use the certificate of a kubelet, cannot write what belongs to other nodes any more'],
    }
  }
  if (!evidence.modes.includes('RBAC'))
    return {
      byHand: 'authorize with Node and RBAC in one go (rbac-authorizer-mode): what else decides here is no safer with Node before it',
    }
  if (subject.kind === 'AuthorizationConfiguration') {
    const file = objectOf(view, subject) as ConfigFile | undefined
    if (file === undefined) return { byHand: `${refText(subject)} is not there any more: scan again` }
    const wanted = [{ type: 'Node', name: 'node' }, ...authorizers(file)]
    return {
      changes: [{ type: 'edit', target: subject, edits: [{ set: ['authorizers'], to: wanted as unknown as Json }] }],
      risk: 'may-break',
      summary: 'ask the Node authorizer about kubelets',
      mayBreak: ['the API server takes up the file within a minute', LESS],
    }
  }
  if (key?.endsWith('--authorization-config') === true)
    return {
      byHand:
        'put {type: Node, name: node} first in the file that --authorization-config names; every API server takes it up within a minute',
    }
  return {
    flags: { 'authorization-mode': withNode },
    summary: 'ask the Node authorizer about kubelets',
    first: FIRST,
    mayBreak: [LESS],
  }
})

export const confineNodes: Remedy<Lack | SubjectEvidence> = remedy<Lack | SubjectEvidence>({
  family: 'node-authorizer',
  reads: [...FLAG_LADDER, 'RoleBinding', 'ClusterRoleBinding', 'AuthorizationConfiguration'],
  propose: (finding, context) =>
    'remove' in finding.evidence
      ? withoutSubjects(finding as Finding<SubjectEvidence>, context, 'may-break')
      : flags.propose(finding as Finding<Lack>, context),
})
