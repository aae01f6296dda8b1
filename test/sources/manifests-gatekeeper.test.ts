import { expect, test } from 'vitest'
import type { Facts, Readable } from '../../src/model/index.ts'
import { manifestsSource } from '../../src/sources/manifests.ts'
import { directoryOf } from './manifests-helper.ts'

const account = 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n'
const constraint = (name: string, spec = '{}') =>
  `apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sPSPCapabilities\nmetadata: {name: ${name}}\nspec: ${spec}\n`
const wanted = new Set<Readable>(['ServiceAccount', 'GatekeeperConstraints'])

/** The facts as they are told, one after the other. */
async function* told(path: string, follow: boolean, signal: AbortSignal): AsyncGenerator<Facts['GatekeeperConstraints']> {
  for await (const events of manifestsSource(path).events({ signal, follow, wanted }))
    for (const event of [events].flat()) if (event.type === 'fact') yield event.value as Facts['GatekeeperConstraints']
}

async function collected<T>(all: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const one of all) list.push(one)
  return list
}

test('constraints of all files are one fact, in any order of files and in lists; none is a fact too', async () => {
  const { signal } = new AbortController()
  using directory = directoryOf({
    'a.yaml': `${account}---\n${constraint('z', '{parameters: {allowedCapabilities: [CHOWN]}}')}`,
    'b/c.yaml': `apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: constraints.gatekeeper.sh/v1, kind: K8sX, metadata: {name: b}, spec: {enforcementAction: dryrun}}\n`,
    'config.yaml':
      'apiVersion: config.gatekeeper.sh/v1alpha1\nkind: Config\nmetadata: {name: config}\nspec: {match: [{excludedNamespaces: [ci], processes: ["*"]}]}\n',
  })
  expect(await collected(told(directory.path, false, signal))).toEqual([
    {
      constraints: [
        { kind: 'K8sPSPCapabilities', name: 'z', enforcementAction: 'deny', match: {}, parameters: { allowedCapabilities: ['CHOWN'] } },
        { kind: 'K8sX', name: 'b', enforcementAction: 'dryrun', match: {}, parameters: {} },
      ],
      excluded: ['ci'],
    },
  ])
  using without = directoryOf({ 'a.yaml': account })
  expect(await collected(told(without.path, false, signal))).toEqual([{ constraints: [], excluded: [] }])
})

test('a changed constraint is told, and nothing is where another file changes', async () => {
  const abort = new AbortController()
  using directory = directoryOf({ 'a.yaml': account, 'b.yaml': constraint('one') })
  const facts = told(directory.path, true, abort.signal)
  const names = async () => (await facts.next()).value?.constraints.map(({ name }: { name: string }) => name)
  expect(await names()).toEqual(['one'])
  directory.write('a.yaml', `${account}automountServiceAccountToken: false\n`)
  directory.write('b.yaml', `${constraint('one')}---\n${constraint('two')}`)
  expect(await names()).toEqual(['one', 'two'])
  directory.write('b.yaml', account.replace('name: a', 'name: b'))
  expect(await names()).toEqual([])
  abort.abort()
  await facts.return(undefined)
})
