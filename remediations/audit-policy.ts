/** Audit policies: a whole one with the flags that use it, and the mending of one that is there. */
import { Document, isMap, isSeq } from 'yaml'
import { remedy } from '../src/model/define.ts'
import type { Change, ConfigFile, Edit, FileAction, Json, Proposal, Readable, Remedy, View } from '../src/model/index.ts'
import { auditForecast } from '../src/objects/audit-forecast.ts'
import type { AuditPolicy, AuditRule } from '../src/objects/audit-policy.ts'
import { mergedPolicy } from '../src/objects/audit-policy-merge.ts'
import { readAuditPolicy } from '../src/objects/audit-policy-read.ts'
import { RECOMMENDED_OMIT_STAGES, RECOMMENDED_POLICY, RECOMMENDED_RULES } from '../src/objects/audit-policy-recommended.ts'
import { historyText, mostBytes, RETENTION_FLAGS, type RetentionFlag, rateText, sizeText } from '../src/objects/audit-retention.ts'
import { distribution } from '../src/objects/distribution.ts'
import { defaultFlag } from '../src/objects/flag-defaults.ts'
import { componentFlags, FLAG_LADDER, serverMinor } from '../src/objects/flags.ts'
import { integerOf } from '../src/objects/go-integer.ts'
import { nodePathOf } from '../src/objects/host-files.ts'
import { isNamedBy } from '../src/objects/ref.ts'
import { kubernetesYaml } from '../src/objects/yaml-write.ts'
import { type FlagChange, setFlags } from './apiserver-flag.ts'
import { logFiles, placesFor, policyFile, rancherPolicy, talosAudit } from './audit-places.ts'
import { apiServerNodes } from './flag-hosts.ts'
import { liesThere, placing } from './flag-runbook.ts'

/** What an API server has of audit logging already. */
export interface AuditBackends {
  readonly policy: boolean
  readonly log: boolean
  readonly webhook: boolean
}

/** The recommended policy as a file, each rule with its reason. */
export function recommendedPolicyText(): string {
  const document = new Document(
    {
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: RECOMMENDED_OMIT_STAGES,
      omitManagedFields: true,
      rules: RECOMMENDED_RULES.map(({ rule }) => rule),
    },
    { aliasDuplicateObjects: false },
  )
  document.commentBefore = ' The first rule that matches a request decides how much of it is logged.'
  const rules = document.get('rules')
  if (isSeq(rules))
    for (const [index, rule] of rules.items.entries()) if (isMap(rule)) rule.commentBefore = ` ${RECOMMENDED_RULES[index]!.because}`
  return document.toString({ lineWidth: 0 })
}

function mergedText({ metadata: _named, ...file }: ConfigFile): string {
  const { policy } = readAuditPolicy({ metadata: _named, ...file } as ConfigFile)
  return kubernetesYaml({ ...file, ...mergedPolicy(policy, file['rules'] as readonly AuditRule[]) })
}

const setUnlessSet =
  (value: string) =>
  (current: string | undefined): string =>
    current ?? value

/** Adds what is missing of policy and backend: the file, the flags, the mounts. */
export const enableAudit: Remedy<AuditBackends> = {
  ...setFlags<AuditBackends>(({ evidence }, { view }) =>
    distribution(view).name === 'talos'
      ? talosAudit()
      : evidence.policy && (evidence.log || evidence.webhook)
        ? {
            byHand:
              'the flags are there: look in the log of the API server for what its audit backend says, and at the free space of its disk',
          }
        : auditFlags(evidence, view),
  ),
  reads: [...FLAG_LADDER, 'AuditPolicy', 'ApiServerMetrics'],
}

function auditFlags(evidence: AuditBackends, view: View<Readable>): FlagChange {
  const backend = evidence.log || evidence.webhook
  const known = view.all('AuditPolicy').find((file) => !readAuditPolicy(file).problems.some((one) => one.fatal))
  const live = view.source.kind === 'live'
  const places = placesFor(view)
  const file: Change = {
    type: 'file',
    name: 'audit-policy.yaml',
    // On a node one may lie there already, named by nobody: its rules stay.
    text: { text: live && known !== undefined ? mergedText(known) : recommendedPolicyText() },
    mode: 0o600,
    ...placing('audit-policy.yaml', places.policy, apiServerNodes(view)),
  }
  const wanted = {
    ...(!evidence.policy && { 'audit-policy-file': places.policy }),
    ...(!backend && { 'audit-log-path': `${places.log}/audit.log` }),
  }
  const kept = (flag: RetentionFlag) => (current: string | undefined) => {
    // What flagz says of a server that logs nothing yet is its default, which nobody chose.
    const isOwn =
      current !== undefined && (evidence.log || current !== defaultFlag('kube-apiserver', `audit-log-${flag}`, serverMinor(view)))
    return isOwn ? current : String(KEPT[flag])
  }
  return {
    flags: {
      ...Object.fromEntries(Object.entries(wanted).map(([flag, value]) => [flag, setUnlessSet(value)])),
      ...((evidence.log || !backend) && Object.fromEntries(RETENTION_FLAGS.map((flag) => [`audit-log-${flag}`, kept(flag)]))),
    },
    files: [...(evidence.policy ? [] : [policyFile(places)]), ...(backend ? [] : [logFiles(places)])],
    before: evidence.policy || (known !== undefined && !live) ? [] : [file],
    first: evidence.policy ? [] : [liesThere(places.policy)],
    summary: 'write an audit log',
    mayBreak: [
      ...(evidence.policy
        ? []
        : [
            `the API server does not start where ${places.policy} is missing: the file comes before the flags`,
            'what templates of pods hold in the clear is logged with them (see sec-plaintext-credentials)',
          ]),
      `the audit log takes disk and memory on every control-plane node: ${sizeWords(view, kept)}`,
    ],
    verify: ['`kubectl get --raw /metrics | grep ^apiserver_audit_event_total` shows a number that rises'],
    provider: {
      eks: {
        argv: ['aws', 'eks', 'update-cluster-config', '--region', '{region}', '--name', '{cluster}', '--logging', LOGGING(true)],
        undo: ['aws', 'eks', 'update-cluster-config', '--region', '{region}', '--name', '{cluster}', '--logging', LOGGING(false)],
        risk: 'safe',
        summary: 'send the audit log to CloudWatch',
        mayBreak: ['CloudWatch charges for what it stores'],
      },
      aks: 'send the categories kube-audit-admin and guard to a workspace: az monitor diagnostic-settings create --resource CLUSTER_ID --name audit --workspace WORKSPACE_ID --logs \'[{"category":"kube-audit-admin","enabled":true},{"category":"guard","enabled":true}]\'',
    },
  }
}
/** What is kept where nobody said otherwise; CIS 1.2.17 to 1.2.19 ask for no less. */
const KEPT = { maxage: 30, maxbackup: 10, maxsize: 100 }
function sizeWords(view: View<Readable>, keeps: (flag: RetentionFlag) => (current: string | undefined) => string): string {
  const flags = componentFlags(view, 'kube-apiserver').instances[0]?.flags
  const value = (flag: RetentionFlag) => integerOf(keeps(flag)(flags?.get(`audit-log-${flag}`) || undefined)) ?? 0
  const retention = { maxage: value('maxage'), maxbackup: value('maxbackup'), maxsize: value('maxsize') }
  const most = mostBytes(retention, serverMinor(view))
  const metrics = view.fact('ApiServerMetrics')
  const forecast = metrics && auditForecast(metrics, RECOMMENDED_POLICY, view.now)
  return forecast === undefined
    ? `${most === undefined ? 'without a limit' : `up to ${sizeText({ low: most, high: most })} of files`} as set here, and in a busy cluster 1 GB an hour is written`
    : `${rateText(forecast)}; as set here ${historyText(retention, forecast, serverMinor(view))}`
}
const LOGGING = (enabled: boolean): string => JSON.stringify({ clusterLogging: [{ types: ['api', 'audit', 'authenticator'], enabled }] })

/** Mends an audit policy in its file: its own rules stay, what they get wrong is decided before them. */
export const mendAuditPolicy: Remedy<{ readonly fault: string }> = remedy<{ readonly fault: string }>({
  family: 'audit-policy',
  reads: ['AuditPolicy', 'ApiServerMetrics', 'Hosts'],
  propose(finding, { view }): Proposal {
    const file = view.all('AuditPolicy').find((one) => isNamedBy(one, finding.subject))
    if (file === undefined) return { refused: 'the policy is not there any more' }
    if (finding.evidence.fault === 'ignored')
      return { byHand: 'correct or remove the field: the API server ignores it, so the rule matches more than it says' }
    if (finding.evidence.fault === 'silenced')
      return {
        byHand: 'unless that is meant, name in the rule the reads that are noise, or put rules for Secrets, tokens and changes above',
      }
    const { policy, problems } = readAuditPolicy(file)
    const refused = problems.some((one) => one.fatal)
    const after = refused
      ? { rules: RECOMMENDED_RULES.map(({ rule }) => rule), omitStages: RECOMMENDED_OMIT_STAGES }
      : mergedPolicy(policy, file['rules'] as readonly AuditRule[])
    const edits: Edit[] = [
      ...(file.apiVersion === 'audit.k8s.io/v1' ? [] : [{ set: ['apiVersion'], to: 'audit.k8s.io/v1' }]),
      ...(after.omitStages.join() === policy.omitStages.join() ? [] : [{ set: ['omitStages'], to: after.omitStages }]),
      { set: ['rules'], to: after.rules as unknown as Json },
    ]
    const whole = rancherPolicy(file, after, view)
    const onHost = whole === undefined ? editsOnHost(file, edits) : [whole]
    return {
      changes: onHost.length > 0 ? onHost : [{ type: 'edit', target: finding.subject, edits }],
      risk: 'may-break',
      summary: refused ? 'replace the policy by one that the API server accepts' : 'log what matters and no credentials',
      mayBreak: [
        onHost.length > 0
          ? 'the API server reads its policy only at its start: it is restarted'
          : 'the API server reads its policy only at its start: restart one after the other',
        growthWords(view, refused ? undefined : policy, after),
        'what templates of pods hold in the clear is logged with them (see sec-plaintext-credentials)',
      ],
    }
  },
})

function growthWords(view: View<Readable>, before: AuditPolicy | undefined, after: AuditPolicy): string {
  const metrics = view.fact('ApiServerMetrics')
  const [was, then] = [before, after].map((policy) => policy && metrics && auditForecast(metrics, policy, view.now))
  if (then === undefined) return 'more is logged: watch the size of the log'
  return `more is logged: ${rateText(then)}${was === undefined ? '' : `, up from ${sizeText(was.bytesPerHour)}`}`
}

/** Where the policy was read from a node: there, and the API server of that node is restarted. */
function editsOnHost(policy: ConfigFile, edits: readonly Edit[]): readonly Change[] {
  const place = nodePathOf(policy)
  if (place === undefined) return []
  const action: FileAction = { do: 'file', ...place, to: { edits }, noticedBy: 'kube-apiserver' }
  return [
    {
      type: 'host',
      key: `${place.node}:${place.path}`,
      title: `${place.path} on ${place.node}: log what matters and no credentials`,
      action,
    },
  ]
}
