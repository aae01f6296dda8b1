import { expect, test } from 'vitest'
import type { HostFileSeen, HostSeen } from '../../src/model/index.ts'
import { filesOf, mergedConfig, placeOf } from '../../src/objects/kubelet-files.ts'

const HEAD = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n'
const MAIN = '/var/lib/kubelet/config.yaml'
const DROP_INS = '/etc/kubernetes/kubelet'
const host = (files: Readonly<Record<string, string | null>>, more: Partial<HostSeen> = {}): HostSeen => ({
  node: 'n',
  carrier: 'ssh',
  controlPlane: false,
  unread: [],
  kubelet: { config: MAIN, dropIns: DROP_INS, flags: {} },
  files: Object.entries(files).map(
    ([path, text]): HostFileSeen => ({
      path,
      role: 'kubelet-config',
      is: 'file',
      mode: 0o600,
      uid: 0,
      gid: 0,
      ...(text !== null && { text: HEAD + text }),
    }),
  ),
  ...more,
})
const merged = (one: HostSeen) => mergedConfig(filesOf(one)!)

test('drop-ins are merged name by name, directories among them, and flags win over all', () => {
  const files = {
    [MAIN]: 'readOnlyPort: 1\n',
    [`${DROP_INS}/b.conf`]: 'readOnlyPort: 3\n',
    [`${DROP_INS}/b/z.conf`]: 'readOnlyPort: 2\n',
    '/etc/other/z.conf': 'readOnlyPort: 9\n',
  }
  expect(filesOf(host(files))?.dropIns.map(({ path }) => path)).toEqual([`${DROP_INS}/b/z.conf`, `${DROP_INS}/b.conf`])
  expect(merged(host(files))).toMatchObject({ readOnlyPort: 3 })
  const flags = { 'read-only-port': '10255', 'anonymous-auth': 'T', 'feature-gates': 'A=true', 'seccomp-default': 'false' }
  expect(merged(host({ [MAIN]: 'featureGates: {B: yes}\nseccompDefault: on\n' }, { kubelet: { config: MAIN, flags } }))).toMatchObject({
    readOnlyPort: 10255,
    authentication: { anonymous: { enabled: true } },
    featureGates: { A: true, B: true },
    seccompDefault: true,
  })
})

test('without a configuration file anybody is let in, and nothing can be written', () => {
  const files = filesOf(host({}, { kubelet: { flags: {} } }))!
  expect(mergedConfig(files)).toMatchObject({ authentication: { anonymous: { enabled: true } }, authorization: { mode: 'AlwaysAllow' } })
  expect(placeOf(files, ['readOnlyPort'])).toBeUndefined()
})

test.each([
  ['cannot be understood', { [`${DROP_INS}/a.conf`]: 'a: [\n' }],
  ['has the key readOnlyPort twice', { [`${DROP_INS}/a.conf`]: 'readOnlyPort: 0\nreadOnlyPort: 0\n' }],
  ['in other letters', { [`${DROP_INS}/a.conf`]: 'readonlyport: 10255\n' }],
  ['is not shown', { [`${DROP_INS}/a.conf`]: null }],
])('a drop-in that %s leaves it unknown what the kubelet works with', (words, files) => {
  expect(filesOf(host({ [MAIN]: '', ...files }))?.faults).toEqual([expect.stringContaining(words)])
})

test('so does a directory of drop-ins, or a file, that could not be read', () => {
  const unread = (path: string) => ({ unread: [{ path, because: 'permission denied' }] })
  expect(filesOf(host({ [MAIN]: '' }, unread(DROP_INS)))?.faults).toHaveLength(1)
  expect(filesOf(host({}, unread(MAIN)))?.faults).toHaveLength(1)
  expect(filesOf(host({}))?.faults).toEqual([`${MAIN} is not there`])
  expect(filesOf(host({ [MAIN]: '' }, unread('/etc/elsewhere')))?.faults).toEqual([])
})
