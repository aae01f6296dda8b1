import { expect, test } from 'vitest'
import { isOtherChoice, saidOnce, withoutSubject } from '../../src/plan/step-words.ts'

test('what differs only in the container is said once, of all of them', () => {
  expect(
    saidOnce([
      'drop all capabilities of container app',
      'set readOnlyRootFilesystem: true on container app, with an empty directory at /tmp',
      'drop all capabilities of container proxy-2',
      'drop all capabilities of container app, but keep CHOWN',
    ]),
  ).toEqual([
    'drop all capabilities of containers app, proxy-2',
    'set readOnlyRootFilesystem: true on container app, with an empty directory at /tmp',
    'drop all capabilities of container app, but keep CHOWN',
  ])
})

test('what another sentence says and goes on from is left out; nothing else is', () => {
  expect(saidOnce(['it loses Docker', 'it loses Docker: build without it', 'it loses Docker', 'it loses'])).toEqual([
    'it loses Docker: build without it',
    'it loses',
  ])
})

test('the object that the title names is not named again, and no other one is taken for it', () => {
  expect(withoutSubject('leave the API token out of Deployment shop/web', 'Deployment shop/web')).toBe('leave the API token out')
  expect(withoutSubject('warn about pods in namespace shop; it cannot enforce', 'Namespace shop')).toBe(
    'warn about pods; it cannot enforce',
  )
  expect(withoutSubject('delete ClusterRoleBinding a.b', 'ClusterRoleBinding a.b')).toBe('delete')
  expect(withoutSubject('leave the API token out of Deployment shop/web-2', 'Deployment shop/web')).toBe(
    'leave the API token out of Deployment shop/web-2',
  )
  expect(withoutSubject('delete ClusterRoleBinding aXb', 'ClusterRoleBinding a.b')).toBe('delete ClusterRoleBinding aXb')
})

test('a sentence that names an option is another choice, not what may break', () => {
  expect([isOtherChoice('to leave it there --set a.mode=keep'), isOtherChoice('it loses its data')]).toEqual([true, false])
})
