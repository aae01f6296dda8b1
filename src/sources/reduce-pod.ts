/** Pods are most of a cluster's bytes. What a pod has of its own is kept per pod, the rest once per owner. */
import { alike, alikeByField, type Family, type Sharing } from './sharing.ts'
import { isWire, listOf, type Wire } from './wire.ts'

const LONGEST_MESSAGE = 1024

export function reducePod({ spec, status, metadata }: Wire, family: Family, sharing: Sharing): object {
  const owned = Array.isArray(metadata.ownerReferences) && metadata.ownerReferences.length > 0
  return {
    spec: isWire(spec) ? (owned ? sharedSpec(spec, family, sharing) : spec) : { containers: [] },
    ...(isWire(status) && { status: reduceStatus(status, family, sharing) }),
  }
}

/**
 * Of an owned pod the injected token volume is named `kube-api-access`, without the five random characters that would make
 * every pod's volumes and mounts different; its host name, which is its own name, is left out. Such a pod is never edited: its
 * owner is. A pod without an owner is kept as it is.
 */
function sharedSpec(spec: Wire, family: Family, sharing: Sharing): object {
  const { nodeName, hostname: _hostname, ...common } = spec
  const injected = listOf(common['volumes']).find(
    ({ name, projected }) => projected !== undefined && typeof name === 'string' && /^kube-api-access-[a-z0-9]{5}$/.test(name),
  )
  if (injected !== undefined) rename(common, injected['name'])
  const shared = alikeByField(family, 'spec', common)
  return typeof nodeName === 'string' ? { ...shared, nodeName: sharing.text(nodeName) } : shared
}

function rename(spec: Wire, from: string): void {
  for (const volume of listOf(spec['volumes'])) if (volume['name'] === from) volume['name'] = 'kube-api-access'
  for (const field of ['containers', 'initContainers', 'ephemeralContainers']) {
    for (const container of listOf(spec[field])) {
      for (const mount of listOf(container['volumeMounts'])) if (mount['name'] === from) mount['name'] = 'kube-api-access'
    }
  }
}

function reduceStatus(status: Wire, family: Family, sharing: Sharing): object {
  const { phase, podIP, podIPs, hostIP, reason, conditions } = status
  const kept: Wire = {}
  if (phase !== undefined) kept['phase'] = sharing.text(String(phase))
  if (podIP !== undefined) kept['podIP'] = podIP
  if (Array.isArray(podIPs) && podIPs.length > 1) kept['podIPs'] = podIPs
  if (hostIP !== undefined) kept['hostIP'] = sharing.text(String(hostIP))
  if (reason !== undefined) kept['reason'] = sharing.text(String(reason))
  if (Array.isArray(conditions)) kept['conditions'] = alike(family, 'conditions', listOf(conditions).map(reduceCondition))
  for (const field of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'])
    if (Array.isArray(status[field])) kept[field] = containerStatuses(status[field], family, field)
  return kept
}

function reduceCondition({ type, status, reason, message }: Wire): Wire {
  const kept: Wire = { type, status }
  if (reason !== undefined) kept['reason'] = reason
  if (message !== undefined) kept['message'] = String(message).slice(0, LONGEST_MESSAGE)
  return kept
}

function containerStatuses(statuses: readonly unknown[], family: Family, field: string): readonly object[] {
  const kept = listOf(statuses).map(({ name, image, imageID, ready, restartCount, state, user }, index) =>
    alikeByField(family, `${field} ${index}`, {
      name,
      image,
      imageID,
      ready,
      restartCount,
      ...(isWire(state) && { state: reduceState(state) }),
      ...(isWire(user) && isWire(user['linux']) && { user: { linux: { uid: user['linux']['uid'], gid: user['linux']['gid'] } } }),
    }),
  )
  return alike(family, field, kept)
}

function reduceState({ waiting, running, terminated }: Wire): object {
  const message = (from: Wire) => (typeof from['message'] === 'string' ? { message: from['message'].slice(0, LONGEST_MESSAGE) } : {})
  return {
    ...(isWire(waiting) && { waiting: { reason: waiting['reason'], ...message(waiting) } }),
    ...(isWire(running) && { running: { startedAt: running['startedAt'] } }),
    ...(isWire(terminated) && { terminated: { reason: terminated['reason'], exitCode: terminated['exitCode'], ...message(terminated) } }),
  }
}

/** A pod template, one copy for a Deployment and its ReplicaSets. */
export function shareTemplate(template: Wire, family: Family): object {
  const { metadata, spec } = template
  return {
    ...(isWire(metadata) && {
      metadata: {
        ...(metadata['labels'] !== undefined && { labels: metadata['labels'] }),
        ...(metadata['annotations'] !== undefined && { annotations: metadata['annotations'] }),
      },
    }),
    ...(isWire(spec) && { spec: alikeByField(family, 'spec', spec) }),
  }
}
