/** Small worlds and controls of one line each, for tests of the plan. */

import { judge } from '../../src/engine/judge.ts'
import type { Finding, FindingId, Kind, KubeObject, Observation, Proposal, RegisteredControl, Snapshot } from '../../src/model/index.ts'
import { keyOf, refOf } from '../../src/objects/ref.ts'
import { kindFor } from '../../src/objects/served.ts'
import { snapshotFrom, type World } from '../helpers/world.ts'

export function worldOf(objects: readonly KubeObject[], world: World = {}): Snapshot {
  const byKind = new Map<Kind, Map<string, KubeObject>>()
  for (const object of objects) {
    const kind = kindFor(object.apiVersion, object.kind)!
    const map = byKind.get(kind) ?? new Map<string, KubeObject>()
    map.set(keyOf(object.metadata.namespace, object.metadata.name), object)
    byKind.set(kind, map)
  }
  return snapshotFrom(world, byKind)
}

export const deployment = (name: string, more: object = {}, metadata: object = {}): KubeObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, ...metadata },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image: 'shop/app:1', ...more }] } },
    },
  }) as KubeObject

export const namespace = (name: string, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
})

/** A control that finds what `finds` says and proposes what `proposes` says. */
export function controlOf(
  id: string,
  finds: (view: Snapshot) => Iterable<Observation>,
  proposes: (finding: Finding) => Proposal,
  reads: readonly Kind[] = ['Deployment'],
): RegisteredControl {
  return {
    id,
    practice: 'nodes-and-pods',
    title: `${id} must not be`,
    severity: 'high',
    why: 'Because.',
    references: [],
    reads,
    evaluate: (view) => finds(view as Snapshot),
    remedy: { family: 'test', reads: [], propose: (finding) => proposes(finding) },
  }
}

/** Finds every Deployment whose container lacks a value there, and sets it. */
export const wants = (
  id: string,
  field: string,
  value: string | boolean,
  risk: 'safe' | 'restarts-pods' | 'may-break' = 'restarts-pods',
): RegisteredControl =>
  controlOf(
    id,
    function* (view) {
      for (const object of view.all('Deployment')) {
        const context = object.spec?.template?.spec?.containers[0]?.securityContext as Record<string, unknown> | undefined
        if (context?.[field] !== value) yield { subject: refOf(object), reason: `lacks ${field}`, evidence: null }
      }
    },
    (finding) => ({
      changes: [
        {
          type: 'edit',
          target: finding.subject,
          edits: [{ set: ['spec', 'template', 'spec', 'containers', { name: 'app' }, 'securityContext', field], to: value }],
        },
      ],
      risk,
      summary: `set ${field}`,
    }),
  )

export const findingsOf = (controls: readonly RegisteredControl[], view: Snapshot): readonly Finding[] =>
  controls.flatMap((control) => judge(control, view).findings)
export const byId = (controls: readonly RegisteredControl[]): ReadonlyMap<string, RegisteredControl> =>
  new Map(controls.map((control) => [control.id, control]))
export const ids = (findings: readonly Finding[]): readonly FindingId[] => findings.map((finding) => finding.id).sort()
