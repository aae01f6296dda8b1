/** What a client gets from the API servers of that world. */
import type { Answer } from '../../src/apiserver/client.ts'
import type { EncryptionWorld, Life } from './encryption-world.ts'

/** The API server at one address, asked by one process. */
export class ClientOfWorld {
  static world: EncryptionWorld
  static life: Life
  readonly context
  readonly server: string
  readonly lists = { enter: async () => () => {} }
  readonly #world = ClientOfWorld.world
  readonly #life = ClientOfWorld.life
  constructor({ server }: { readonly server: string }) {
    this.server = server
    this.context = { server, cluster: {} }
  }
  close(): void {}
  async #up() {
    await this.#life.lives()
    return this.#world.serverAt(this.server)
  }
  async #json(body: object | undefined): Promise<Answer<unknown>> {
    if (body === undefined) return { ok: false, refusal: { kind: 'not-found', status: 404, message: 'not found' } }
    return { ok: true, status: 200, body, warnings: [] }
  }
  async get(path: string): Promise<Answer<unknown>> {
    const server = await this.#up()
    if (server === undefined) return AWAY
    if (path === '/api') return this.#json(DISCOVERY)
    if (path === '/apis') return this.#json({ kind: 'APIGroupDiscoveryList', items: [] })
    const name = path.split('/').at(-1)!
    if (path.includes('/secrets/')) return this.#world.read(server, name)
    return this.#json(path.includes('/kube-system/pods/') ? this.#world.mirror(name) : undefined)
  }
  async text(): Promise<Answer<string>> {
    return (await this.#up()) === undefined ? AWAY : { ok: true, status: 200, body: 'ok', warnings: [] }
  }
  async stream(_path: string, _options: object, onLine: (line: string) => unknown): Promise<Answer<boolean>> {
    const server = await this.#up()
    if (server === undefined) return AWAY
    for (const line of this.#world.metrics(server)) onLine(line)
    return { ok: true, status: 200, body: true, warnings: [] }
  }
  async *pages() {
    if ((await this.#up()) === undefined) return AWAY
    yield { items: this.#world.items(), resourceVersion: '1', apiVersion: 'v1', kind: 'SecretList' }
    return { ok: true, resourceVersion: '1' } as const
  }
  async mergePatch(path: string, body: { metadata: { resourceVersion: string } }, { dryRun = false }): Promise<Answer<object>> {
    const server = await this.#up()
    if (server === undefined) return AWAY
    const answer = this.#world.touch(server, path.split('/').at(-1)!, body.metadata.resourceVersion, dryRun)
    if (!dryRun) await this.#life.instant(`stored ${path}`)
    return answer
  }
}
const AWAY = { ok: false, refusal: { kind: 'unreachable', message: 'nothing listens there' } } as const
const DISCOVERY = {
  kind: 'APIGroupDiscoveryList',
  items: [
    {
      metadata: { name: '' },
      versions: [
        {
          version: 'v1',
          resources: [{ resource: 'secrets', scope: 'Namespaced', responseKind: { kind: 'Secret' }, verbs: ['get', 'list', 'patch'] }],
        },
      ],
    },
  ],
}
