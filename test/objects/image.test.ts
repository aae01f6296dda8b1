import { describe, expect, it } from 'vitest'
import { parseImage, runningImage, withDigest } from '../../src/objects/image.ts'

const digest = `sha256:${'a'.repeat(64)}`

describe('image references', () => {
  it.each([
    ['nginx', { registry: 'docker.io', hasRegistry: false, repository: 'library/nginx' }],
    ['nginx:1.29', { registry: 'docker.io', hasRegistry: false, repository: 'library/nginx', tag: '1.29' }],
    ['bitnami/redis:7', { registry: 'docker.io', hasRegistry: false, repository: 'bitnami/redis', tag: '7' }],
    ['index.docker.io/library/nginx', { registry: 'docker.io', hasRegistry: true, repository: 'library/nginx' }],
    ['docker.io/nginx', { registry: 'docker.io', hasRegistry: true, repository: 'library/nginx' }],
    ['localhost:5000/x', { registry: 'localhost:5000', hasRegistry: true, repository: 'x' }],
    ['localhost/x:latest', { registry: 'localhost', hasRegistry: true, repository: 'x', tag: 'latest' }],
    ['registry.example:5000/team/app', { registry: 'registry.example:5000', hasRegistry: true, repository: 'team/app' }],
    [
      `registry.example:5000/team/app:1@${digest}`,
      { registry: 'registry.example:5000', hasRegistry: true, repository: 'team/app', tag: '1', digest },
    ],
    [`nginx@${digest}`, { registry: 'docker.io', hasRegistry: false, repository: 'library/nginx', digest }],
    ['10.0.0.1:5000/app:v1', { registry: '10.0.0.1:5000', hasRegistry: true, repository: 'app', tag: 'v1' }],
    ['[::1]:5000/app:v1', { registry: '[::1]:5000', hasRegistry: true, repository: 'app', tag: 'v1' }],
    ['myregistry.io.evil.example/app', { registry: 'myregistry.io.evil.example', hasRegistry: true, repository: 'app' }],
    ['host/under_score/double__score/app', { registry: 'docker.io', hasRegistry: false, repository: 'host/under_score/double__score/app' }],
  ])('%s', (text, expected) => {
    expect(parseImage(text)).toEqual(expected)
  })

  it.each([
    '',
    'Nginx',
    '{{ .Values.image }}',
    '$(IMAGE)',
    'nginx:',
    'a b',
    'nginx@sha256:abc',
    'https://registry.example/app',
    'registry.example/',
    '-a',
    'a/../b',
  ])('none: %s', (text) => {
    expect(parseImage(text)).toBeUndefined()
  })

  it('read what a kubelet says it runs', () => {
    expect(runningImage(`docker-pullable://nginx@${digest}`)).toMatchObject({ repository: 'library/nginx', digest })
    expect(runningImage(`docker.io/library/nginx@${digest}`)?.digest).toBe(digest)
    expect(runningImage(digest)).toBeUndefined()
    expect(runningImage(undefined)).toBeUndefined()
  })

  it('keep the tag beside the digest, and replace an older digest', () => {
    expect(withDigest('registry.example:5000/app:1', digest)).toBe(`registry.example:5000/app:1@${digest}`)
    expect(withDigest(`app@sha256:${'b'.repeat(64)}`, digest)).toBe(`app@${digest}`)
  })
})
