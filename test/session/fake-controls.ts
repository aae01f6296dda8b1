/** A few small controls with remedies of every kind, so that screens do not depend on the wording of the real ones. */
import type {
  ControllerObject,
  Finding,
  KubeObject,
  PodSpec,
  Practice,
  Proposal,
  RegisteredControl,
  Remedy,
  Risk,
  Severity,
} from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'

interface Made {
  readonly id: string
  readonly practice: Practice
  readonly title: string
  readonly severity: Severity
  readonly wrong?: (
    workload: ControllerObject,
    spec: PodSpec,
  ) => { readonly reason: string; readonly detail?: string; readonly review?: true } | undefined
  readonly remedy?: Remedy | { readonly byHand: string }
  readonly reads?: RegisteredControl['reads']
}

function made({
  id,
  practice,
  title,
  severity,
  wrong,
  remedy = { byHand: 'Ask whoever owns the workload.' },
  reads = ['Deployment'],
}: Made): RegisteredControl {
  return {
    id,
    practice,
    title,
    severity,
    reads,
    remedy,
    why: 'Whoever breaks into such a container gets further than its own walls. That is how one bad image becomes a lost cluster.',
    references: [
      { standard: 'CIS', section: '5.2.2' },
      { standard: 'PSS', section: 'baseline/privileged' },
    ],
    verify: 'Look at the new pod: kubectl get pod -o yaml.',
    *evaluate(view) {
      for (const workload of view.all('Deployment')) {
        const spec = workload.spec!.template!.spec!
        const fault = wrong?.(workload, spec)
        if (fault === undefined) continue
        const { reason, detail, review } = fault
        yield {
          subject: refOf(workload),
          container: spec.containers[0]?.name ?? '',
          at: ['spec', 'template', 'spec'],
          reason,
          evidence: null,
          ...(detail !== undefined && { detail }),
          ...(review && { verdict: 'review' as const }),
        }
      }
    },
  }
}

const set = (path: readonly string[], to: boolean | string, risk: Risk, summary: string): Remedy => ({
  family: 'fake',
  reads: [],
  propose: (finding: Finding): Proposal => ({
    changes: [{ type: 'edit', target: finding.subject, edits: [{ set: path, to }] }],
    risk,
    summary,
    ...(risk === 'may-break' && { mayBreak: ['tools that look at other processes of the node stop working'] }),
  }),
})
const label = (object: KubeObject, name: string): string | undefined => object.metadata.labels?.[name]

export const FAKE_CONTROLS: readonly RegisteredControl[] = [
  made({
    id: 'rbac-token',
    practice: 'rbac',
    title: 'Pods must not mount a token they do not use',
    severity: 'medium',
    wrong: (_, spec) => (spec.automountServiceAccountToken === false ? undefined : { reason: 'mounts a service account token' }),
    remedy: set(['spec', 'template', 'spec', 'automountServiceAccountToken'], false, 'restarts-pods', 'stop mounting the token'),
  }),
  made({
    id: 'secrets-encrypted',
    practice: 'secrets',
    title: 'Secrets must be encrypted at rest',
    severity: 'critical',
    reads: ['EncryptionConfiguration'],
  }),
  made({
    id: 'endpoint-private',
    practice: 'api-endpoint',
    title: 'The API endpoint must not be public',
    severity: 'high',
    wrong: () => undefined,
  }),
  made({
    id: 'pod-host-pid',
    practice: 'nodes-and-pods',
    title: 'Pods must not share the host PID namespace',
    severity: 'critical',
    wrong: (_, spec) => (spec.hostPID === true ? { reason: 'shares the host PID namespace', detail: 'hostPID is true' } : undefined),
    remedy: set(['spec', 'template', 'spec', 'hostPID'], false, 'may-break', 'stop sharing the host PID namespace'),
  }),
  made({
    id: 'pod-owner',
    practice: 'nodes-and-pods',
    title: 'Workloads must say who owns them',
    severity: 'low',
    wrong: (workload) => (label(workload, 'owner') === undefined ? { reason: 'has no owner label' } : undefined),
    remedy: {
      family: 'fake',
      reads: [],
      options: { owner: { describe: 'Who owns pods that do not say so' } },
      propose: (finding: Finding, { options }): Proposal =>
        options['owner'] === undefined
          ? { needs: { option: 'owner', question: 'Who owns it?' } }
          : {
              changes: [{ type: 'edit', target: finding.subject, edits: [{ set: ['metadata', 'labels', 'owner'], to: options['owner'] }] }],
              risk: 'safe',
              summary: 'name the owner',
            },
    },
  }),
  made({
    id: 'pod-tier',
    practice: 'nodes-and-pods',
    title: 'Workloads must have a tier',
    severity: 'info',
    wrong: (workload) => (label(workload, 'tier') === undefined ? { reason: 'has no tier', review: true } : undefined),
    remedy: {
      family: 'fake',
      reads: [],
      options: {
        tier: {
          describe: 'Which tier it is',
          default: 'back',
          choices: [
            { value: 'front', label: 'serves users', risk: 'restarts-pods' },
            { value: 'back', label: 'serves other pods', risk: 'safe' },
          ],
        },
      },
      propose: (finding: Finding, { options }): Proposal => ({
        changes: [{ type: 'edit', target: finding.subject, edits: [{ set: ['metadata', 'labels', 'tier'], to: options['tier']! }] }],
        risk: options['tier'] === 'front' ? 'restarts-pods' : 'safe',
        summary: `make it ${String(options['tier'])}`,
      }),
    },
  }),
  made({
    id: 'image-digest',
    practice: 'images',
    title: 'Images must be pinned by digest',
    severity: 'medium',
    wrong: (_, spec) =>
      spec.containers[0]?.image?.includes('@')
        ? undefined
        : { reason: 'runs an image by tag', detail: spec.containers[0]?.image ?? 'none' },
    remedy: { byHand: 'Look the digest up in your registry and write it into the image reference.' },
  }),
  made({ id: 'audit-log', practice: 'audit', title: 'The audit log must be on', severity: 'high', reads: ['AuditPolicy'] }),
]
