import { expect, test } from 'vitest'
import { ALERT_TOPICS, unwatchedTopics } from '../../src/objects/alert-topics.ts'
import { worldOf } from '../helpers/world.ts'

const unwatched = (text: string) => unwatchedTopics(worldOf(text).snapshot).map((topic) => topic.id)
const configMap = (text: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: rules, namespace: m}\ndata:\n  rules.yml: ${JSON.stringify(text)}\n`
const ALL = ALERT_TOPICS.map((topic) => topic.id)

test('the rules of each topic watch that topic, and no other', () => {
  for (const topic of ALERT_TOPICS)
    for (const { expr } of topic.rules)
      expect(
        ALERT_TOPICS.filter((other) => other.watches.test(expr)).map((other) => other.id),
        expr,
      ).toEqual([topic.id])
})
test('rules in a ConfigMap count', () =>
  expect(
    unwatched(configMap(JSON.stringify({ groups: [{ rules: [{ alert: 'A', expr: 'pod_security_evaluations_total > 0' }] }] }))),
  ).toEqual(ALL.filter((id) => id !== 'pod-security')))
test('recording rules do not', () =>
  expect(
    unwatched(configMap(JSON.stringify({ groups: [{ rules: [{ record: 'alert', expr: 'pod_security_evaluations_total > 0' }] }] }))),
  ).toEqual(ALL))
test('server errors are not refused requests', () =>
  expect(
    unwatched(configMap(JSON.stringify({ groups: [{ rules: [{ alert: 'A', expr: 'apiserver_request_total{code=~"5.."} > 0' }] }] }))),
  ).toEqual(ALL))
test.each([
  'groups: [alert, expr',
  'groups: alert expr',
  'groups: [{rules: [{alert: 1, expr: [2]}, null]}, null]',
  '- alert\n- expr\n- groups',
])('text that is no rule file is passed over: %s', (text) => expect(unwatched(configMap(text))).toEqual(ALL))
