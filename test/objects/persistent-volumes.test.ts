import { describe, expect, test } from 'vitest'
import podHostpath from '../../src/controls/nodes-and-pods/pod-hostpath.ts'
import { judge } from '../../src/engine/judge.ts'
import type { RegisteredControl } from '../../src/model/index.ts'
import { worldOf } from '../helpers/world.ts'
import { proposals } from '../remediations/proposals.ts'

const volume = (spec: string, metadata = 'name: v') => `apiVersion: v1\nkind: PersistentVolume\nmetadata: {${metadata}}\nspec: {${spec}}\n`
const claim = (spec: string) =>
  `---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: shop}\nspec: {${spec}}\n`
const found = (text: string) => {
  const outcome = judge({ ...podHostpath, id: 'pod-hostpath', practice: 'nodes-and-pods' } as RegisteredControl, worldOf(text).snapshot)
  return outcome.findings.map(({ severity, verdict, detail, origin }) => `${severity} ${verdict} ${origin}: ${detail}`)
}
const manual = 'storageClassName: manual, accessModes: [ReadWriteOnce], hostPath: {path: /srv/x}'

describe('a PersistentVolume on a node', () => {
  test.each<[string, string, string]>([
    ['says who claims it', volume(`${manual}, claimRef: {namespace: shop, name: data}`), 'claimed by shop/data'],
    ['is claimed by name', volume(manual) + claim('volumeName: v'), 'claimed by shop/data'],
    [
      'is claimed by class and access',
      volume(manual) + claim('storageClassName: manual, accessModes: [ReadWriteOnce]'),
      'claimed by shop/data',
    ],
    ['is not claimed through another class', volume(manual) + claim('storageClassName: fast'), 'not claimed yet'],
    [
      'is not claimed by who wants more access',
      volume(manual) + claim('storageClassName: manual, accessModes: [ReadWriteMany]'),
      'not claimed yet',
    ],
    [
      'is not claimed past a selector',
      volume(manual) + claim('storageClassName: manual, selector: {matchLabels: {disk: a}}'),
      'not claimed yet',
    ],
    [
      'is claimed by the selector',
      volume(manual, 'name: v, labels: {disk: a}') + claim('storageClassName: manual, selector: {matchLabels: {disk: a}}'),
      'claimed by shop/data',
    ],
  ])('%s', (_name, text, words) => {
    const severity = words === 'not claimed yet' ? 'low' : 'medium'
    expect(found(text)).toEqual([`${severity} fail workload: hostPath /srv/x, ${words}`])
  })

  test('is worse where the path gives the node away, whoever claims it or made it', () => {
    const made = 'name: v, annotations: {pv.kubernetes.io/provisioned-by: example.com/any}'
    expect(found(volume('hostPath: {path: /srv/../}'))).toEqual(['high fail workload: hostPath /, not claimed yet'])
    expect(found(volume('local: {path: /var/lib/kubelet/x}', made))).toEqual([
      'high fail workload: local /var/lib/kubelet/x, not claimed yet, made by example.com/any',
    ])
  })

  test('of a claim in a namespace of the system is the system’s', () => {
    expect(found(volume(`${manual}, claimRef: {namespace: kube-system, name: data}`))).toEqual([
      'medium fail system: hostPath /srv/x, claimed by kube-system/data',
    ])
  })

  test('is left to a person, in words that fit', () => {
    const words = (text: string) => proposals('pod-hostpath', podHostpath, text)[0]!.proposal
    expect(words(volume(`${manual}, claimRef: {namespace: shop, name: data}`))).toEqual({ byHand: expect.stringContaining('shop/data') })
    expect(words(volume(manual))).toEqual({ byHand: expect.stringContaining('kubectl delete pv v') })
    expect(words(volume('local: {path: /mnt/disks/1}'))).toEqual({ byHand: expect.stringContaining('--exceptions') })
  })
})
