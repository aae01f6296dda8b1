/** What the catalogue's predictions rest on, seen on a real node; the README of this folder lists it. */
import { beforeAll, expect, test } from 'vitest'
import type { ImageOptions } from './nodes/image.ts'
import { images } from './nodes/images.ts'
import { makePod, runPod } from './nodes/run-pod.ts'
import { describeNode } from './with-cluster.ts'

/** All that a runtime mounts is there: nothing needs to be made for it. */
const complete: ImageOptions = {
  name: 'k8s-harden.test/complete:1',
  files: {
    '/proc': {},
    '/sys': {},
    '/dev': {},
    '/etc/hosts': { content: '' },
    '/etc/hostname': { content: '' },
    '/etc/resolv.conf': { content: '' },
    '/app': {},
  },
}

const dropAll = { capabilities: { drop: ['ALL'] } }
const noEscalation = { allowPrivilegeEscalation: false }
const sysctl = (value: string) => ({
  securityContext: { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value }] },
})

interface Summary {
  pods: { podRef: { name: string }; containers?: { rootfs?: { time: string; inodesUsed: number } }[] }[]
}

describeNode('facts of a real node', {}, (cluster) => {
  beforeAll(() => cluster().nodes[0]?.addImages([...Object.values(images), complete]))

  async function steps(name: string, image: ImageOptions, wanted: readonly string[], securityContext: object = {}, spec: object = {}) {
    const outcome = await runPod(cluster(), name, { image: image.name, args: [...wanted, 'exit=0'], securityContext }, spec)
    return outcome.exitCode === 0 ? 'fine' : outcome.said.split('\n').find((line) => line.startsWith('failed '))
  }

  // All at once: a pod takes longer to come and go than to do its steps.
  test.concurrent('any user binds port 80, unless a sysctl of the pod takes that back', async () => {
    const bind = ['serve=:80']
    const refused = 'failed serve=:80: listen tcp :80: bind: permission denied'
    expect(await steps('bind-user', images.user1000, bind, { ...dropAll, ...noEscalation })).toBe('fine')
    expect(await steps('bind-user-1024', images.user1000, bind, {}, sysctl('1024'))).toBe(refused)
    expect(await steps('bind-root-1024', images.root, bind, {}, sysctl('1024'))).toBe('fine')
    expect(await steps('bind-root-1024-drop', images.root, bind, dropAll, sysctl('1024'))).toBe(refused)
    // A capability that is added reaches root only: a user's process has it in its bounding set, not in effect.
    const added = { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }
    expect(await steps('bind-root-1024-add', images.root, bind, added, sysctl('1024'))).toBe('fine')
    expect(await steps('bind-user-1024-add', images.user1000, bind, added, sysctl('1024'))).toBe(refused)
  })

  test.concurrent('a VOLUME of the image stays writable, also with its content, under readOnlyRootFilesystem', async () => {
    const readOnly = { readOnlyRootFilesystem: true }
    expect(await steps('volume', images.volume, ['read=/data/seed', 'write=/data/new', 'write=/data/seed'], readOnly)).toBe('fine')
    expect(await steps('tree', images.volume, ['write=/tmp/new'], readOnly)).toBe(
      'failed write=/tmp/new: open /tmp/new: read-only file system',
    )
  })

  test.concurrent('a file capability outside the bounding set fails at exec, and without escalation it is not granted', async () => {
    const ping = 'exec=/bin/ping need=net_raw'
    expect(await steps('ping', images.helpers, [ping])).toBe('fine')
    expect(await steps('ping-drop', images.helpers, [ping], dropAll)).toContain('fork/exec /bin/ping: operation not permitted')
    expect(await steps('ping-nnp', images.helpers, [ping], noEscalation)).toBe('failed need=net_raw: operation not permitted')
    // What needs nothing of its capability goes on without.
    expect(await steps('ping-nnp-idle', images.helpers, ['exec=/bin/ping exit=0'], noEscalation)).toBe('fine')
    expect(await steps('ping-drop-idle', images.helpers, ['exec=/bin/ping exit=0'], dropAll)).toContain('operation not permitted')
  })

  test.concurrent('root without capabilities has its own files only, and an emptyDir', async () => {
    const asRoot = { ...dropAll, runAsUser: 0 }
    const scratch = { volumes: [{ name: 'scratch', emptyDir: {} }] }
    expect(await steps('root-own', images.root, ['write=/etc/new', 'chown=/etc/new:0:0'], asRoot)).toBe('fine')
    expect(await steps('root-other', images.userApp, ['write=/app/state'], asRoot)).toContain('permission denied')
    expect(await steps('root-secret', images.helpers, ['read=/secret'], asRoot)).toContain('permission denied')
    const container = { image: images.root.name, args: ['write=/data/new', 'exit=0'], securityContext: asRoot }
    const mounted = { ...container, volumeMounts: [{ name: 'scratch', mountPath: '/data' }] }
    expect((await runPod(cluster(), 'root-scratch', mounted, scratch)).exitCode).toBe(0)
  })

  test.concurrent('the inodes of a writable layer are its mount points and what was written', async () => {
    const mount = { volumeMounts: [{ name: 'scratch', mountPath: '/a/b' }] }
    const cases: [name: string, image: ImageOptions, steps: string[], container: object, inodes: number][] = [
      ['idle', complete, [], {}, 1],
      ['idle-read-only', complete, [], { securityContext: { readOnlyRootFilesystem: true } }, 1],
      // /a and /a/b.
      ['idle-mounts', complete, [], mount, 3],
      // /proc /sys /dev, /etc and three files in it.
      ['idle-bare', images.root, [], {}, 8],
      ['writes', complete, ['write=/new'], {}, 2],
      // The folder is copied up with its first file, and stays when that goes.
      ['writes-below', complete, ['write=/app/new'], {}, 3],
      ['removes-below', complete, ['write=/app/new', 'remove=/app/new'], {}, 2],
      ['makes-folder', complete, ['mkdir=/new'], {}, 2],
      ['removes', complete, ['write=/new', 'remove=/new'], {}, 1],
    ]
    const volumes = [{ name: 'scratch', emptyDir: {} }]
    for (const [name, image, wanted, container] of cases) {
      await makePod(cluster(), `layer-${name}`, { image: image.name, args: [...wanted, 'pause='], ...container }, { volumes })
    }
    const inodes = async () => {
      const { pods } = await cluster().api.get<Summary>('/api/v1/nodes/node-0/proxy/stats/summary')
      return pods
        .filter(({ podRef }) => podRef.name.startsWith('layer-'))
        .map(({ podRef, containers }) => [podRef.name.slice('layer-'.length), containers?.[0]?.rootfs?.inodesUsed])
        .sort()
    }
    await expect.poll(inodes, { timeout: 60_000, interval: 500 }).toEqual(cases.map(([name, , , , count]) => [name, count]).sort())
  })
})
