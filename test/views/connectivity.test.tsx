/** The connectivity screens at three sizes, as they were last read by a person; and that they follow the cluster. */
import stringWidth from 'string-width'
import { afterEach, expect, test } from 'vitest'
import type { Kind, KubeObject, RegisteredControl, SourceEvent } from '../../src/model/index.ts'
import { CNI_KINDS } from '../../src/objects/network-cni.ts'
import { REACH_KINDS } from '../../src/objects/network-reach.ts'
import { keyOf, refOf } from '../../src/objects/ref.ts'
import { isKind } from '../../src/objects/served.ts'
import { misfits, type WizardTerminal, wizardIn } from '../helpers/terminal.tsx'
import { worldOf } from '../helpers/world.ts'
import { FakeDesk } from '../session/fake-desk.ts'
import { NETWORK_WORLD, plugin, policy } from '../session/network-world.ts'

let terminal: WizardTerminal | undefined
afterEach(() => terminal?.close())

/** Denies all ingress of a namespace that no policy isolates: bluntly, so that something in use is cut. */
const DENY: RegisteredControl = {
  id: 'net-default-deny-ingress',
  practice: 'nodes-and-pods',
  title: 'Every pod must be isolated for ingress by default',
  severity: 'high',
  reads: ['Namespace', 'NetworkPolicy'],
  why: 'A pod that no policy selects takes connections from every pod of the cluster.',
  references: [{ standard: 'CIS', section: '5.3.2' }],
  verify: 'Connect from another namespace, and see it fail.',
  *evaluate(view) {
    for (const namespace of view.all('Namespace')) {
      const { name } = namespace.metadata
      if (name !== 'payments' || view.all('NetworkPolicy').some(({ metadata }) => metadata.namespace === name)) continue
      yield { subject: refOf(namespace), reason: 'no policy isolates its pods', evidence: null, origin: 'workload' }
    }
  },
  remedy: {
    family: 'fake',
    reads: [],
    propose: ({ subject }) => ({
      changes: [
        {
          type: 'create',
          object: {
            apiVersion: 'networking.k8s.io/v1',
            kind: 'NetworkPolicy',
            metadata: { name: 'default-deny-ingress', namespace: subject.name },
            spec: { podSelector: {}, policyTypes: ['Ingress'] },
          } as KubeObject,
        },
      ],
      risk: 'may-break',
      summary: 'deny all ingress',
      mayBreak: ['connections that nobody has allowed'],
    }),
  },
}
const FLOWS: SourceEvent = {
  type: 'fact',
  fact: 'ObservedFlows',
  value: {
    from: ['flows.jsonl'],
    records: 41,
    flows: [
      {
        source: { namespace: 'shop', workload: { kind: 'Deployment', name: 'web' } },
        destination: { namespace: 'payments', workload: { kind: 'Deployment', name: 'ledger' } },
        protocol: 'TCP',
        port: 9000,
        count: 41,
        was: 'forwarded',
      },
    ],
    doubts: [],
  },
}

function desk(image: string): FakeDesk {
  const { snapshot } = worldOf(NETWORK_WORLD + plugin(image))
  const kinds = new Set<Kind>(([...REACH_KINDS, ...CNI_KINDS] as readonly string[]).filter(isKind))
  return new FakeDesk({
    objects: [],
    controls: [DENY],
    events: [
      ...[...kinds].map(
        (kind): SourceEvent => ({
          type: 'replace',
          kind,
          items: snapshot.all(kind).map((one) => [keyOf(one.metadata.namespace, one.metadata.name), one] as const),
        }),
      ),
      FLOWS,
    ],
  })
}

test.each([
  [80, 24],
  [60, 16],
  [120, 40],
])('at %ix%i every screen fits and reads as approved', async (columns, rows) => {
  terminal = await wizardIn(desk('quay.io/coreos/flannel:v0.25'), { columns, rows })
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
  await wizard.until('objects')
  await wizard.press('4')
  look('the practice: nothing enforces policies')
  await wizard.press('N')
  look('namespaces')
  await wizard.press('t', 't')
  await settle()
  await wizard.until('CUTS 1 OF 1')
  look('namespaces, what the fixes would change')
  await wizard.press('t', 'home', 'down', 'down', 'enter')
  await wizard.until('Network of namespace shop')
  look('the matrix')
  await wizard.press('right', 'down', '>')
  look('the matrix, moved')
  await wizard.press('<', 'home', 'right', 'right', 't', 't', 'end')
  await settle()
  look('the matrix, what the fixes would change')
  await wizard.press('t', 'home', 'down', 'enter')
  await wizard.until('Network of StatefulSet shop/db')
  look('one workload')
  await wizard.press('end', 'enter', 't', 't')
  await settle()
  await wizard.until('Network of Deployment payments/led')
  look('another, what the fixes would change')
  await wizard.press('a')
  await wizard.until('Steps, in this order')
  look('the plan')
  await wizard.press('enter')
  await settle()
  look('its step')
  await wizard.press('N')
  await wizard.until('Network: who reaches whom')
  look('namespaces, with the plan that was made')
  await wizard.press('home', 'down', 'down', 'enter', '?')
  look('help')
  await expect(`${frames.join('\n')}\n`).toMatchFileSnapshot(`./frames/connectivity-${columns}x${rows}.txt`)
})

test('the matrix follows the cluster, and policies that may not be read any more', async () => {
  const world = desk('quay.io/calico/node:v3')
  terminal = await wizardIn(world, { columns: 120, rows: 40 })
  const wizard = terminal
  await wizard.press('home', 'enter')
  await wizard.until('objects')
  await wizard.press('4', 'N')
  await wizard.until('Calico enforces policies')
  await wizard.press('home', 'down', 'enter')
  await wizard.until('Network of namespace payments')
  await wizard.until('exporter DaemonSet -> exporter DaemonSet')
  await wizard.press('home', 'down', 'right', 'right', 'right')
  await wizard.until(/ledger -> outside the cluster: every port/)
  const { snapshot } = worldOf(policy('payments/quiet', '{podSelector: {}, policyTypes: [Egress]}'))
  const made = snapshot.all('NetworkPolicy')[0]!
  world.tell({ type: 'upsert', kind: 'NetworkPolicy', key: 'payments/quiet', object: made })
  await wizard.until(/ledger -> outside the cluster: no port \(egress isolated by quiet\)/)
  world.tell({
    type: 'unread',
    unread: { what: 'NetworkPolicy', why: 'forbidden', because: 'listing networkpolicies was refused (403)', answer: 'ask' },
  })
  await wizard.until('Policies are not all known: listing networkpolicies was refused (403).')
  await wizard.until(/ledger -> outside the cluster: not known/)
})
