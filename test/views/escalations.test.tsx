/** The screens of who becomes cluster-admin at two sizes, as they were last read by a person; and that they follow the cluster. */
import stringWidth from 'string-width'
import { afterEach, expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import type { Kind, KubeObject, SourceEvent } from '../../src/model/index.ts'
import { RBAC_KINDS } from '../../src/objects/rbac-grants.ts'
import { LEADING_KINDS } from '../../src/objects/rbac-graph-world.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { misfits, type WizardTerminal, wizardIn } from '../helpers/terminal.tsx'
import { account, binding, holds, namespace, node, pod, role, tokenSecret } from '../objects/rbac-graph-worlds.ts'
import { FakeDesk } from '../session/fake-desk.ts'

let terminal: WizardTerminal | undefined
afterEach(() => terminal?.close())

const JUDGED = ['rbac-admin-equivalent-role', 'rbac-cluster-admin-bindings']
const OBJECTS: readonly KubeObject[] = [
  namespace('shop', 'baseline'),
  namespace('ci', 'restricted'),
  namespace('monitoring', 'baseline'),
  node('node-1'),
  account('ci', 'deployer'),
  account('monitoring', 'grafana'),
  tokenSecret('ci', 'deployer-token', 'deployer'),
  pod('monitoring', 'grafana-7c9f', 'grafana', { nodeName: 'node-1' }),
  role('cluster-admin', ['* */*']),
  ...holds('ServiceAccount:monitoring/grafana', ['get,list secrets']),
  ...holds('ServiceAccount:shop/cart', ['get,list configmaps'], 'shop'),
  ...holds('User:jane', ['get nodes/proxy']),
  binding('deployer', 'ClusterRole', 'cluster-admin', ['ServiceAccount:ci/deployer']),
  binding('cluster-admin', 'ClusterRole', 'cluster-admin', ['Group:system:masters']),
]
/** All that ways lead through is there: nothing is said to be out of sight. */
const KINDS = [...LEADING_KINDS, ...RBAC_KINDS]
const list = (kind: Kind, objects: readonly KubeObject[]): SourceEvent => ({
  type: 'replace',
  kind,
  items: objects.filter((one) => one.kind === kind).map((one) => [keyOf(one.metadata.namespace, one.metadata.name), one] as const),
})

function desk(): FakeDesk {
  return new FakeDesk({
    objects: [],
    events: KINDS.map((kind) => list(kind, OBJECTS)),
    controls: controls.filter(({ id }) => JUDGED.includes(id)),
  })
}

test.each([
  [80, 24],
  [120, 40],
])('at %ix%i the list, a path, its finding and its plan fit and read as approved', async (columns, rows) => {
  terminal = await wizardIn(desk(), { columns, rows })
  const wizard = terminal
  const frames: string[] = []
  const look = (name: string) => {
    expect(misfits(wizard, columns, rows, stringWidth), name).toEqual([])
    const frame = wizard
      .frame()
      .split('\n')
      .map((line) => line.trimEnd())
    frames.push(`===== ${name}\n${frame.join('\n')}`)
  }
  const settle = async () => {
    await wizard.store.settled()
    await wizard.press()
  }
  await wizard.press('home', 'enter')
  await wizard.until('live, 17 objects')
  await wizard.press('1')
  look('the practice')
  await wizard.press('E')
  await settle()
  look('escalation paths')
  await wizard.press('end', 'enter')
  look('Kubernetes itself, opened')
  await wizard.press('home', 'down', 'enter')
  await settle()
  look('one path')
  await wizard.press('end')
  look('one path, the end')
  await wizard.press('home', 'enter')
  await settle()
  look('the finding of its first step')
  await wizard.press('E')
  await settle()
  expect(wizard.frame()).toContain('Escalation path of ServiceAccount monitoring/grafana')
  await wizard.press('a')
  await wizard.until('Steps, in this order')
  look('the plan that ends it')
  await wizard.press('esc', '?')
  look('help')
  await expect(`${frames.join('\n')}\n`).toMatchFileSnapshot(`./frames/escalations-${columns}x${rows}.txt`)
})

test('the list, a path and the removals follow the cluster', async () => {
  const world = desk()
  terminal = await wizardIn(world, { columns: 120, rows: 40 })
  const wizard = terminal
  await wizard.press('home', 'enter')
  await wizard.until('live, 17 objects')
  await wizard.press('1', 'E')
  await wizard.until('stops 2 of 3')
  await wizard.press('down', 'enter')
  await wizard.until('Can become cluster-admin in 2 steps')
  const gone = 'serviceaccount-monitoring-grafana-cluster'
  world.tell({ type: 'remove', kind: 'ClusterRoleBinding', key: gone })
  await wizard.until('Neither cluster-admin nor a node is within its reach.')
  await wizard.press('esc')
  await wizard.until('1 to cluster-admin, 1 to a node')
  await wizard.until('None of those tried stops more than one')
  world.tell({
    type: 'unread',
    unread: { what: 'RoleBinding', why: 'forbidden', because: 'listing rolebindings was refused (403)', answer: 'ask' },
  })
  await wizard.until('Not all could be seen: listing rolebindings was refused (403).')
})
