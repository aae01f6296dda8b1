import { describe, expect, it } from 'vitest'
import { isSensitive, normalise } from '../../src/objects/host-paths.ts'

describe('paths of a node', () => {
  it.each([
    ['/var//log/', '/var/log'],
    ['/var/log/../lib/kubelet', '/var/lib/kubelet'],
    ['/../../etc/./kubernetes', '/etc/kubernetes'],
    ['/', '/'],
    ['', '/'],
  ])('%s is %s', (path, expected) => expect(normalise(path)).toBe(expected))

  it.each([
    '/',
    '/etc',
    '/var',
    '/var/lib',
    '/var/run',
    '/run',
    '/proc',
    '/proc/sys',
    '/dev/kvm',
    '/var/lib/kubelet/pods',
    '/etc/kubernetes/pki',
    '/root/.ssh',
  ])('%s gives the node away', (path) => expect(isSensitive(path)).toBe(true))

  it.each(['/var/log', '/etc/localtime', '/opt/data', '/etcetera', '/var/lib/kubelet-backup', '/rootless', '/mnt/disks'])(
    '%s does not',
    (path) => expect(isSensitive(path)).toBe(false),
  )
})
