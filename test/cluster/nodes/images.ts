import type { ImageOptions } from './image.ts'

/** Images that differ in what hardening may break; each does the steps that its container names in `args`. */
export const images = {
  /** No USER: root. */
  root: { name: 'k8s-harden.test/root:1' },
  /** USER by number. */
  user1000: { name: 'k8s-harden.test/user-1000:1', user: '1000', files: { '/app': { owner: 1000 } } },
  /** USER by name: 1234, with group 4321 besides, and a folder and a file of its own. */
  userApp: {
    name: 'k8s-harden.test/user-app:1',
    user: 'app',
    workingDir: '/app',
    files: { '/app': { owner: 1234 }, '/app/state': { content: 'state', owner: 1234, mode: 0o644 } },
    ports: ['8080/tcp'],
  },
  /** A declared VOLUME with content of the image in it. */
  volume: {
    name: 'k8s-harden.test/volume:1',
    files: { '/data': { mode: 0o777 }, '/data/seed': { content: 'seed', mode: 0o666 } },
    volumes: ['/data'],
  },
  /** The folder of a declared VOLUME belongs to the image's user. */
  ownVolume: { name: 'k8s-harden.test/own-volume:1', user: '1000', files: { '/data': { owner: 1000 } }, volumes: ['/data'] },
  /** A user with the group root, whose /etc/passwd says another one. */
  groups: {
    name: 'k8s-harden.test/groups:1',
    user: 'app:0',
    files: { '/app/of-root': { content: 'x', mode: 0o664 }, '/app/of-extra': { content: 'x', mode: 0o664, owner: 4321 } },
  },
  groupExtra: {
    name: 'k8s-harden.test/group-extra:1',
    user: 'app:extra',
    files: { '/app/of-extra': { content: 'x', mode: 0o664, owner: 4321 } },
  },
  run: { name: 'k8s-harden.test/run:1', files: { '/run': {} } },
  rootGroup: { name: 'k8s-harden.test/root-group:1', user: '0:1000' },
  /** Its program has a capability of its own, as Caddy's. */
  web: {
    name: 'k8s-harden.test/web:1',
    user: '1000',
    entrypoint: ['/bin/web'],
    files: { '/bin/web': { workload: true, capability: 'net_bind_service' } },
  },
  /** Helpers that gain rights when they are executed, and a file that only its owner reads. */
  helpers: {
    name: 'k8s-harden.test/helpers:1',
    user: '1000',
    files: {
      '/bin/setuid': { workload: true, mode: 0o4755 },
      '/bin/ping': { workload: true, capability: 'net_raw' },
      '/bin/web': { workload: true, capability: 'net_bind_service' },
      '/secret': { content: 'secret', owner: 1000, mode: 0o600 },
    },
  },
} as const satisfies Record<string, ImageOptions>
