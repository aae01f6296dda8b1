import { expect, test } from 'vitest'
import type { ContainerSpec } from '../../src/model/index.ts'
import { carriesNetBind, gainsRights } from '../../src/objects/file-rights.ts'

const container = (more: object, image = 'registry.local/app:1') => ({ name: 'app', image, ...more }) as ContainerSpec

test.each([
  ['the command itself', { command: ['/usr/bin/sudo', 'app'] }, 'sudo'],
  ['the arguments of an image', { args: ['ping', '-c1', 'db'] }, 'ping'],
  ['a script', { command: ['/bin/bash', '-ec', 'sleep 5; exec ping db'] }, 'ping'],
  ['a condition in it', { command: ['sh', '-c', 'while ! HOME=/tmp ping -c1 db; do sleep 1; done'] }, 'ping'],
  ['a probe', { readinessProbe: { exec: { command: ['ping', '-c1', 'db'] } } }, 'ping'],
  ['a hook', { lifecycle: { preStop: { exec: { command: ['sh', '-c', 'sudo stop'] } } } }, 'sudo'],
])('%s may be a program that gains rights', (_where, more, program) => {
  expect(gainsRights(container(more))).toBe(program)
})

test.each([
  ['another program that is told the name', { command: ['redis-cli', 'ping'] }],
  ['a word of a script', { command: ['sh', '-c', 'mysqladmin ping && echo mount su'] }],
  ['nothing', {}],
  ['something that is no list', { livenessProbe: { exec: { command: 'ping' } }, lifecycle: 'ping' }],
])('%s is none', (_what, more) => {
  expect(gainsRights(container(more))).toBeUndefined()
})

test('some images are made of such programs', () => {
  expect(gainsRights(container({}, 'moby/buildkit:v0.20-rootless'))).toContain('user namespaces')
  expect(gainsRights(container({}, 'quay.io/podman/stable:v5'))).toContain('newuidmap')
  expect(gainsRights(container({}, 'zenika/alpine-chrome:124'))).toContain('sandbox')
  expect(gainsRights(container({}, 'docker:28-dind-rootless'))).toContain('newuidmap')
  expect(gainsRights(container({}, 'grafana/grafana:12.0.0'))).toBeUndefined()
})

test('some listen on low ports by a capability of their file', () => {
  for (const image of [
    'caddy:2',
    'docker.io/library/caddy',
    'registry.k8s.io/coredns/coredns:v1.12.0',
    'registry.k8s.io/ingress-nginx/controller:v1.13.0',
  ])
    expect(carriesNetBind(container({}, image))).toBe(true)
  expect(carriesNetBind(container({}, 'nginx:1.27'))).toBe(false)
})
