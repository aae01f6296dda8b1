/** The who-can screens at two sizes, as they were last read by a person. */
import stringWidth from 'string-width'
import { afterEach, expect, test } from 'vitest'
import type { Kind, KubeObject, SourceEvent } from '../../src/model/index.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { misfits, type WizardTerminal, wizardIn } from '../helpers/terminal.tsx'
import { FakeDesk } from '../session/fake-desk.ts'

let terminal: WizardTerminal | undefined
afterEach(() => terminal?.close())

const apiVersion = 'rbac.authorization.k8s.io/v1'
const all = (kind: Kind, ...objects: readonly object[]): SourceEvent => ({
  type: 'replace',
  kind,
  items: objects.map((object) => {
    const made = { apiVersion, kind, ...object } as KubeObject
    return [keyOf(made.metadata.namespace, made.metadata.name), made] as const
  }),
})
const EVENTS: readonly SourceEvent[] = [
  all(
    'ClusterRole',
    { metadata: { name: 'cluster-admin' }, rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] },
    { metadata: { name: 'deployer' }, rules: [{ verbs: ['get', 'create'], apiGroups: [''], resources: ['pods', 'pods/exec', 'secrets'] }] },
  ),
  all('Role'),
  all('ClusterRoleBinding', {
    metadata: { name: 'cluster-admin' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'Group', name: 'system:masters' }],
  }),
  all('RoleBinding', {
    metadata: { name: 'deployers', namespace: 'shop' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'deployer' },
    subjects: [
      { kind: 'ServiceAccount', name: 'robot', namespace: 'ci' },
      { kind: 'User', name: 'jane' },
    ],
  }),
]

test.each([
  [80, 24],
  [120, 40],
])('at %ix%i the question, its answer and one subject fit and read as approved', async (columns, rows) => {
  terminal = await wizardIn(new FakeDesk({ events: EVENTS }), { columns, rows })
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
  await wizard.press('home', 'enter')
  await wizard.until('live, 10 objects')
  await wizard.press('1', 'W')
  look('who can')
  await wizard.press('down', 'enter', 'ctrl-u', ...'pods/exec')
  look('resource field')
  await wizard.press('enter', 'down', 'enter', ...'shop', 'enter')
  look('in one namespace')
  await wizard.press('down', 'down', 'down', 'enter')
  expect(wizard.frame()).toContain('All that is granted to')
  look('one subject')
  await wizard.press('esc', '?')
  look('help')
  await expect(`${frames.join('\n')}\n`).toMatchFileSnapshot(`./frames/who-can-${columns}x${rows}.txt`)
})
