import { describe, expect, test } from 'vitest'
import type { ControllerObject, NodeObject, PodSpec } from '../../src/model/index.ts'
import { logCollector, reachesEveryNode } from '../../src/objects/log-collector.ts'
import { whyNotOn } from '../../src/objects/scheduling.ts'

const set = (image: string, hostPath?: string): ControllerObject => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'd' },
  spec: {
    template: {
      spec: {
        containers: [{ name: 'c', image }],
        ...(hostPath !== undefined && { volumes: [{ name: 'v', hostPath: { path: hostPath } }] }),
      },
    },
  },
})
const node = (labels: Record<string, string>, ...taints: { key: string; value?: string; effect: string }[]): NodeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1', labels },
  spec: { taints },
})
const spec = (more: object): PodSpec => ({ containers: [], ...more })

test.each([
  ['cr.fluentbit.io/fluent/fluent-bit:4.2', 'Fluent Bit'],
  ['fluent/fluentd-kubernetes-daemonset:v1', 'Fluentd'],
  ['docker.elastic.co/beats/filebeat:9', 'Filebeat'],
  ['grafana/promtail:3', 'Promtail'],
  ['prom/node-exporter:v1', undefined],
  ['example.test/vectorised:1', undefined],
  ['grafana/alloy:1', undefined],
])('%s collects with %s', (image, name) => expect(logCollector(set(image))).toBe(name))

test('what also collects metrics counts where it mounts logs', () => {
  expect(logCollector(set('otel/opentelemetry-collector-contrib:0.140', '/var/log/pods'))).toBe('OpenTelemetry Collector')
  expect(logCollector(set('otel/opentelemetry-collector-contrib:0.140', '/proc'))).toBeUndefined()
})

describe('a DaemonSet reaches a node', () => {
  const CONTROL_PLANE = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }
  test.each<[string, object, NodeObject, string | undefined]>([
    ['plain', {}, node({}), undefined],
    ['not past a taint', {}, node({}, CONTROL_PLANE), 'taint node-role.kubernetes.io/control-plane:NoSchedule'],
    ['past a tolerated taint', { tolerations: [{ key: CONTROL_PLANE.key, operator: 'Exists' }] }, node({}, CONTROL_PLANE), undefined],
    ['past all taints', { tolerations: [{ operator: 'Exists' }] }, node({}, { key: 'gpu', value: 'yes', effect: 'NoExecute' }), undefined],
    [
      'not with another effect',
      { tolerations: [{ operator: 'Exists', effect: 'NoSchedule' }] },
      node({}, { key: 'gpu', value: 'yes', effect: 'NoExecute' }),
      'taint gpu=yes:NoExecute',
    ],
    [
      'not with another value',
      { tolerations: [{ key: 'gpu', value: 'no' }] },
      node({}, { key: 'gpu', value: 'yes', effect: 'NoSchedule' }),
      'taint gpu=yes:NoSchedule',
    ],
    ['past a preference', {}, node({}, { key: 'x', effect: 'PreferNoSchedule' }), undefined],
    ['when it is cordoned', {}, node({}, { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }), undefined],
    ['not without the label', { nodeSelector: { disk: 'ssd' } }, node({}), 'nodeSelector disk=ssd'],
    [
      'not against its affinity',
      {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }],
            },
          },
        },
      },
      node({}),
      'node affinity',
    ],
    [
      'with one term of two',
      {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                { matchExpressions: [{ key: 'a', operator: 'Exists' }] },
                { matchExpressions: [{ key: 'b', operator: 'NotIn', values: ['1'] }] },
              ],
            },
          },
        },
      },
      node({}),
      undefined,
    ],
  ])('%s', (_name, more, where, why) => expect(whyNotOn(where, spec(more))).toBe(why))
})

test('only a pod spec without conditions reaches every node', () => {
  expect(reachesEveryNode(spec({ tolerations: [{ operator: 'Exists' }], nodeSelector: { 'kubernetes.io/os': 'linux' } }))).toBe(true)
  expect(reachesEveryNode(spec({}))).toBe(false)
  expect(reachesEveryNode(spec({ tolerations: [{ operator: 'Exists' }], nodeSelector: { a: 'b' } }))).toBe(false)
})
