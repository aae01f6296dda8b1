import { z } from 'zod'
import { PRACTICES } from '../src/engine/score.ts'
import { SCAN_SCHEMA } from '../src/report/json.ts'

const severity = z.enum(['critical', 'high', 'medium', 'low', 'info'])
const status = z.enum(['pass', 'fail', 'review', 'unknown', 'notApplicable', 'attested', 'error'])
const count = z.int().nonnegative()
const practice = z.enum(PRACTICES as unknown as [string, ...string[]])

const finding = z.object({
  id: z.string().describe('stable across scans'),
  subject: z.object({
    apiVersion: z.string(),
    kind: z.string(),
    namespace: z.string().optional(),
    name: z.string(),
    file: z.string().optional(),
    line: count.optional(),
  }),
  container: z.string().optional(),
  path: z.string().optional().describe('from the root of the subject: spec.containers[name=app].securityContext.privileged'),
  severity: severity.describe('of this case; the control has its own'),
  verdict: z.enum(['fail', 'review']),
  pss: z.enum(['baseline', 'restricted']).optional(),
  reason: z.string(),
  detail: z.string().optional(),
  evidence: z.json(),
  origin: z.enum(['workload', 'system']),
  managedBy: z.enum(['', 'helm', 'argocd', 'flux', 'operator', 'olm']),
  excepted: z.boolean(),
  remedy: z.object({
    kind: z.enum(['edit', 'create', 'delete', 'file', 'command', 'host', 'byHand', 'needsValue', 'refused']),
    risk: z.enum(['safe', 'restarts-pods', 'may-break']),
    summary: z.string(),
  }),
})

const summary = z.object({
  pass: count,
  fail: count,
  review: count,
  unknown: count,
  notApplicable: count,
  attested: count,
  error: count,
  score: z.int().min(0).max(100).nullable(),
})

/** What `scan -o json` prints. The tests validate real output against it. */
export const SCAN = z.object({
  schema: z.literal(SCAN_SCHEMA),
  tool: z.object({ name: z.literal('k8s-harden'), version: z.string() }),
  source: z.object({
    kind: z.enum(['live', 'manifests', 'sample']),
    name: z.string(),
    server: z.string().optional(),
    kubernetes: z.string().optional(),
    namespaces: z.array(z.string()).optional(),
  }),
  startedAt: z.iso.datetime(),
  durationMs: count,
  objects: count,
  summary: z.record(practice, summary),
  problems: z.array(z.object({ file: z.string(), line: count, message: z.string() })).optional(),
  flows: z
    .object({
      from: z.array(z.string()),
      ...{ records: count, flows: count, unresolved: count },
      since: z.iso.datetime().optional(),
      until: z.iso.datetime().optional(),
      doubts: z.array(z.string()),
    })
    .optional(),
  results: z.array(
    z.object({
      control: z.string(),
      practice,
      title: z.string(),
      severity,
      status,
      because: z.string().optional(),
      answers: z.array(z.string()).optional(),
      attestation: z.strictObject({ answer: z.string(), by: z.string(), on: z.iso.date(), until: z.iso.date() }).optional(),
      references: z.array(z.object({ standard: z.string(), section: z.string() })),
      findings: z.array(finding),
    }),
  ),
})

/** The published JSON Schema (draft 2020-12). */
export const scanSchema = (): object => ({ $id: SCAN_SCHEMA, title: 'k8s-harden scan', ...z.toJSONSchema(SCAN) })
