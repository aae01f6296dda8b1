/** Made flows of Hubble: what its exporter writes on a busy cluster, requests and replies, with all the labels. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'

/** Writes about `megabytes` to `file`: 2,000 pods of 400 workloads that call each other, DNS and the world. */
export async function writeFlows(file: string, megabytes: number): Promise<void> {
  const out = createWriteStream(file, { highWaterMark: 2 ** 20 })
  let [bytes, random] = [0, 1]
  for (let n = 0; bytes < megabytes * 1e6; n++) {
    // Numerical Recipes' generator: the same flows every time, without a pattern.
    random = (random * 1_664_525 + 1_013_904_223) % 2 ** 32
    const text = `${JSON.stringify(flow(n, random >>> 8))}\n`
    bytes += text.length
    if (!out.write(text)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'finish')
}

const PODS = 2_000
const pod = (n: number) => {
  const [app, namespace] = [`app-${n % 400}`, `team-${n % 40}`]
  return {
    ...{ ID: 1000 + n, identity: 20_000 + (n % 400), cluster_name: 'default', namespace },
    labels: [
      `k8s:app.kubernetes.io/name=${app}`,
      `k8s:app.kubernetes.io/part-of=${namespace}`,
      `k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=${namespace}`,
      'k8s:io.cilium.k8s.policy.cluster=default',
      `k8s:io.cilium.k8s.policy.serviceaccount=${app}`,
      `k8s:io.kubernetes.pod.namespace=${namespace}`,
    ],
    pod_name: `${app}-5d9c7bb4f-${String(n).padStart(5, 'x')}`,
    workloads: [{ name: app, kind: 'Deployment' }],
  }
}
const ipOf = (n: number) => `10.244.${n >>> 8}.${n & 255}`

function flow(n: number, chance: number): object {
  const [from, isOutside, isReply] = [chance % PODS, chance % 50 === 0, n % 2 === 1]
  // A pod calls a few others, not all.
  const to = (from * 7 + ((chance >>> 12) % 9)) % PODS
  const ends = [
    { end: pod(from), ip: ipOf(from), port: 32_768 + ((chance >>> 4) % 28_000) },
    isOutside
      ? { end: { identity: 2, labels: ['reserved:world'] }, ip: `93.184.${(chance >>> 8) % 20}.34`, port: 443 }
      : { end: pod(to), ip: ipOf(to), port: 8080 },
  ]
  const [source, destination] = (isReply ? ends.toReversed() : ends) as [(typeof ends)[0], (typeof ends)[0]]
  const time = new Date(1.76e12 + n * 5).toISOString().replace('Z', '123456Z')
  const flags = { ACK: true, PSH: true }
  return {
    flow: {
      ...{ time, uuid: `5c2d5c60-8b1e-4c2e-9f0f-${String(n).padStart(12, '0')}`, verdict: n % 100 === 0 ? 'DROPPED' : 'FORWARDED' },
      ethernet: { source: '76:82:ec:81:8b:77', destination: '82:ec:78:ef:54:ec' },
      IP: { source: source.ip, destination: destination.ip, ipVersion: 'IPv4' },
      l4: { TCP: { source_port: source.port, destination_port: destination.port, flags } },
      ...{ source: source.end, destination: destination.end, Type: 'L3_L4', node_name: `default/worker-${from % 50}` },
      ...{ event_type: { type: 4 }, traffic_direction: n % 3 === 0 ? 'EGRESS' : 'INGRESS', trace_observation_point: 'TO_ENDPOINT' },
      ...{ trace_reason: 'ESTABLISHED', is_reply: isReply, Summary: 'TCP Flags: ACK, PSH' },
    },
    ...{ node_name: `default/worker-${from % 50}`, time },
  }
}
