/** An audit log that stays on its node: sent by the API server to a webhook, or taken up by the log collector that is there. */
import { remedy } from '../src/model/define.ts'
import type { Change, Edit, Finding, Json, PodSpec, Proposal, Remedy, RemedyContext } from '../src/model/index.ts'
import { auditInputSnippet, holdsInputs, withAuditInput } from '../src/objects/audit-input.ts'
import { CONTROL_PLANE_TAINT, type Collector, collectorsOf } from '../src/objects/audit-shipping.ts'
import { FLAG_LADDER } from '../src/objects/flags.ts'
import { refOf, refText, sameObject } from '../src/objects/ref.ts'
import { kubernetesYaml } from '../src/objects/yaml-write.ts'
import { type HostFile, proposeFlags } from './apiserver-flag.ts'
import { apiServerNodes } from './flag-hosts.ts'
import { liesThere, placing } from './flag-runbook.ts'

export type Shipping =
  | { readonly is: 'strict' }
  /** `path`: of the log, as `--audit-log-path` has it. */
  | { readonly is: 'collector' | 'unseen' | 'nobody'; readonly path: string }

const WEBHOOK_PATH = '/etc/kubernetes/audit-webhook.yaml'

export const shipAudit: Remedy<Shipping> = remedy<Shipping>({
  family: 'audit-shipping',
  reads: [...FLAG_LADDER, 'DaemonSet'],
  options: {
    webhook: { describe: 'the https URL of a store that takes audit events as the API server sends them' },
    webhookCa: {
      describe: 'on every control-plane node, the file with the authority that signed its certificate; default: those of the node',
    },
  },
  propose(finding, context): Proposal {
    const { evidence } = finding
    if (evidence.is === 'strict')
      return proposeFlags(
        {
          flags: { 'audit-webhook-mode': 'batch' },
          mayBreak: ['events that the webhook does not take in time are lost: watch apiserver_audit_error_total'],
        },
        finding,
        context,
      )
    if (evidence.is === 'collector') return extendCollector(finding, evidence.path, context)
    if (evidence.is === 'unseen')
      return {
        byHand: `look whether ${refText(finding.subject)} reads ${evidence.path}, with k8s-harden try-audit; where it does, except this finding`,
      }
    return sendToWebhook(finding, context)
  },
})

// ── webhook ────────────────────────────────────────────────────────────────────────────────────
function sendToWebhook(finding: Finding<Shipping>, context: RemedyContext): Proposal {
  const { webhook, webhookCa } = context.options
  if (typeof webhook !== 'string' || webhook === '')
    return {
      needs: {
        option: 'webhook',
        question: 'Which https URL takes audit events? (Or install a log collector on every node, control plane included, and scan again.)',
      },
    }
  const fault = whyNoUrl(webhook)
  if (fault !== undefined) return { refused: fault }
  const ca = typeof webhookCa === 'string' && webhookCa !== '' ? webhookCa : undefined
  if (ca !== undefined && !ca.startsWith('/')) return { refused: 'webhookCa must be an absolute path on the node' }
  const files: readonly HostFile[] = [
    { name: 'audit-webhook', path: WEBHOOK_PATH, type: 'File', readOnly: true },
    ...(ca === undefined ? [] : [{ name: 'audit-webhook-ca', path: ca, type: 'File' as const, readOnly: true }]),
  ]
  return proposeFlags(
    {
      flags: { 'audit-webhook-config-file': WEBHOOK_PATH, 'audit-webhook-mode': 'batch' },
      files,
      before: [
        {
          type: 'file',
          name: 'audit-webhook.yaml',
          text: { text: webhookConfiguration(webhook, ca) },
          mode: 0o600,
          ...placing('audit-webhook.yaml', WEBHOOK_PATH, apiServerNodes(context.view)),
        },
      ],
      first: [
        liesThere(WEBHOOK_PATH),
        ...(ca === undefined
          ? []
          : [`on every control-plane node, as root: \`test -r ${ca}\`: the certificate of the store's CA lies there`]),
      ],
      summary: `send the audit log to ${webhook}`,
      mayBreak: [
        'who did what, and bodies at level Request, leave the cluster for that store: it must be trusted with them',
        'in mode batch no request waits for it; what it does not take in time is lost there and stays in the log file',
      ],
      verify: ['`k8s-harden try-audit` names a marker: look for it in the store'],
    },
    finding,
    context,
  )
}

/** In the form of a kubeconfig; `users` stays empty, since no credential may stand in a file that is shown and journalled. */
const webhookConfiguration = (server: string, ca: string | undefined): string =>
  kubernetesYaml({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'audit', cluster: { server, ...(ca !== undefined && { 'certificate-authority': ca }) } }],
    users: [],
    contexts: [{ name: 'audit', context: { cluster: 'audit', user: '' } }],
    'current-context': 'audit',
  })

function whyNoUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return `${text} is no URL`
  const { protocol, username, password, hostname } = new URL(text)
  if (username !== '' || password !== '')
    return 'a URL with a login in it would be shown and journalled: use a client certificate or a network that only the API server reaches'
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  return protocol === 'https:' || (protocol === 'http:' && isLoopback)
    ? undefined
    : 'the audit log must not cross a network in the clear: give an https URL'
}

// ── collector ──────────────────────────────────────────────────────────────────────────────────
function extendCollector(finding: Finding<Shipping>, path: string, { view }: RemedyContext): Proposal {
  const collector = collectorsOf(view, path).find(({ set }) => sameObject(refOf(set), finding.subject))
  if (collector === undefined) return { refused: 'the collector is not there any more' }
  const { by, set, away } = collector
  const elsewhere = away.find((why) => !why.includes(`taint ${CONTROL_PLANE_TAINT.key}`))
  if (elsewhere !== undefined)
    return { byHand: `let ${refText(refOf(set))} run on ${elsewhere} too: its nodeSelector or affinity keeps it away` }
  const folder = path === '-' ? '/var/log' : path.slice(0, path.lastIndexOf('/')) || '/'
  const inside = collector.inside ?? path
  const input = collector.input === true ? undefined : inputEdit(collector, inside)
  if (input !== undefined && 'byHand' in input) return input
  const spec = set.spec!.template!.spec!
  const edits: Edit[] = [
    ...(away.length > 0 ? [{ set: [...TEMPLATE, 'tolerations'], to: [...((spec.tolerations ?? []) as readonly Json[]), TOLERATION] }] : []),
    ...(collector.inside === undefined ? mountEdits(spec, folder) : []),
    // Collectors read their configuration at the start only.
    { set: ['spec', 'template', 'metadata', 'annotations', 'k8s-harden/audit-log'], to: path },
  ]
  return {
    changes: [...(input === undefined ? [] : [input]), { type: 'edit', target: refOf(set), edits }],
    risk: 'restarts-pods',
    summary: `let ${by} take up ${path === '-' ? 'the log of the API server' : path}`,
    mayBreak: [
      'the log is 0600 and root’s: a collector that does not run as root cannot read it',
      'the store gets what the audit log holds, and as much of it: see audit-log-retention',
    ],
  }
}
const TEMPLATE = ['spec', 'template', 'spec'] as const
const TOLERATION: Json = { key: CONTROL_PLANE_TAINT.key, operator: 'Exists', effect: CONTROL_PLANE_TAINT.effect }

function mountEdits(spec: PodSpec, folder: string): readonly Edit[] {
  const [first] = spec.containers
  const mounts = [...(first!.volumeMounts ?? []), { name: 'k8s-audit', mountPath: folder, readOnly: true }]
  const volumes = [...(spec.volumes ?? []), { name: 'k8s-audit', hostPath: { path: folder, type: '' } }]
  return [
    { set: [...TEMPLATE, 'containers', { name: first!.name }, 'volumeMounts'], to: mounts as unknown as Json },
    { set: [...TEMPLATE, 'volumes'], to: volumes as unknown as Json },
  ]
}

function inputEdit({ by, configuration }: Collector, inside: string): Change | { readonly byHand: string } {
  for (const map of configuration) {
    const [key, text] = Object.entries(map.data ?? {}).find(([, value]) => holdsInputs(by, value)) ?? []
    if (key === undefined || text === undefined) continue
    const input = withAuditInput(by, text, inside)
    if ('because' in input) return { byHand: `${input.because}; the input itself: ${snippet(by, inside)}` }
    return { type: 'edit', target: refOf(map), edits: [{ set: ['data', key], to: input.text }] }
  }
  return { byHand: `give ${by} an input for ${inside}: ${snippet(by, inside)}` }
}
const snippet = (by: string, inside: string): string =>
  auditInputSnippet(by, inside)
    ?.trim()
    .replaceAll(/\s*\n\s*/g, '; ') ?? `a file to read, one JSON document a line`
