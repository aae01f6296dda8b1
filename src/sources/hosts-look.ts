/** One look at one node: its files, and the objects in those that hold kinds of ours. */
import { dirname } from 'node:path'
import { type Host, HostRefused, HostUnreachable, type Stat } from '../hosts/host.ts'
import type { HostFileRole, HostFileSeen, HostSeen, Kind, KubeletStart, RancherSeen } from '../model/index.ts'
import { certificatesIn, pemsIn } from '../objects/certificates.ts'
import { asRead } from '../objects/yaml-file.ts'
import { otherNode } from './hosts-identity.ts'
import { type KubeletPlaces, kubeletPlaces } from './hosts-kubelet.ts'
import { PLACES, rancherPlaces } from './hosts-places.ts'
import { filesOfServer, type RancherLook, rancherOn, runsApiServer } from './hosts-rancher.ts'
import { shown } from './hosts-redact.ts'
import { Remembered } from './hosts-remembered.ts'
import { type StaticPodSeen, staticPodIn } from './hosts-static-pods.ts'
import { type FoundObject, parseFile } from './manifests-parse.ts'

/** `only`: what it would have held; absent where it may be anything. */
export interface UnreadFile {
  readonly path: string
  readonly because: string
  readonly only?: Kind
}
export interface HostLook {
  readonly seen: HostSeen
  /** With `NODE:PATH` as their file. */
  readonly objects: readonly FoundObject[]
  /** Files that should hold such objects and could not be read or understood, with the reason. */
  readonly unread: readonly UnreadFile[]
  /** It has a manifest of an API server. */
  readonly apiServer: boolean
}

const ADMIN_FILES = ['/etc/kubernetes/admin.conf', '/etc/kubernetes/super-admin.conf']

const MOST_DEPTH = 8

/** Of keys and certificates that are the cluster's alone. */
const OWN_FOLDER = /^\/(etc\/kubernetes|var\/lib\/(kubelet|etcd)|etc\/etcd)\//

/** A node that did not let itself be looked at. */
export const refusedLook = ({ node, carrier }: Pick<Host, 'node' | 'carrier'>, refused: string): HostLook => ({
  seen: { node, carrier, controlPlane: false, files: [], unread: [], refused },
  objects: [],
  unread: [],
  apiServer: false,
})

/** Never throws for what a node may do: `seen.refused` says it. Once it is aborted it asks nothing more. */
export async function lookAt(host: Host, signal?: AbortSignal): Promise<HostLook> {
  const look = new Look(host, signal)
  try {
    const other = await look.all()
    if (other !== undefined) return refusedLook(host, `what --host gives for it leads to ${other}`)
  } catch (error) {
    if (!(error instanceof HostUnreachable || error instanceof HostRefused)) throw error
    return refusedLook(host, error.message)
  }
  return look.result()
}

class Look {
  readonly #host: Remembered
  readonly #signal: AbortSignal | undefined
  readonly #files = new Map<string, HostFileSeen>()
  readonly #unread: { readonly path: string; readonly because: string }[] = []
  readonly #objects: FoundObject[] = []
  readonly #unreadObjects: UnreadFile[] = []
  #assumed: string | undefined
  #kubeletStart: KubeletStart | undefined
  #rancher: RancherSeen | undefined
  readonly #done = new Set<string>()
  readonly #components = new Set<string>()

  constructor(host: Host, signal: AbortSignal | undefined) {
    this.#host = new Remembered(host)
    this.#signal = signal
  }

  /** The name of another node, where it is that one. */
  async all(): Promise<string | undefined> {
    const rancher = await rancherOn(this.#host)
    const kubelet = await kubeletPlaces(this.#host, (this.#rancher = rancher?.seen))
    await this.#kubelet(kubelet)
    const pods = await this.#staticPods(kubelet.staticPods)
    const other = await otherNode(this.#host, kubelet, pods)
    if (other !== undefined) return other
    for (const path of ADMIN_FILES) await this.#content(path, 'kubeconfig')
    if (rancher !== undefined) await this.#rancherFiles(rancher)
    for (const { directory, names, role } of PLACES) await this.#eachIn(directory, names, (path) => this.#stat(path, role))
    await this.#eachIn('/etc/cni/net.d', /\.(conf|conflist|json)$/, (path) => this.#stat(path, 'cni'))
    return undefined
  }

  result(): HostLook {
    const { node, carrier } = this.#host
    const seen: HostSeen = {
      node,
      carrier,
      controlPlane: this.#components.size > 0,
      files: [...this.#files.values()],
      unread: this.#unread,
      ...(this.#kubeletStart !== undefined && { kubelet: this.#kubeletStart }),
      ...(this.#assumed !== undefined && { assumed: this.#assumed }),
      ...(this.#rancher !== undefined && { rancher: this.#rancher }),
    }
    const apiServer = this.#components.has('kube-apiserver') || runsApiServer(this.#rancher)
    return { seen, objects: this.#objects, unread: this.#unreadObjects, apiServer }
  }

  /** Which of its files its API server is given is not known where one of its configuration is not. */
  async #rancherFiles({ seen, unread, programs }: RancherLook): Promise<void> {
    for (const one of unread) {
      if (!this.#unread.some(({ path }) => path === one.path)) this.#unread.push(one)
      if (seen.server) this.#unreadObjects.push(one)
    }
    if (seen.server) await this.#content(`/etc/rancher/${seen.program}/${seen.program}.yaml`, 'kubeconfig')
    for (const { path, role, must } of filesOfServer(seen)) await this.#content(path, role, must)
    const places = programs.flatMap((one) => rancherPlaces(one, one === seen.program ? seen.data : undefined))
    for (const { directory, names, role } of places) await this.#eachIn(directory, names, (path) => this.#stat(path, role))
  }

  async #kubelet(places: KubeletPlaces): Promise<void> {
    await this.#foresee([...places.certificates, places.kubeconfig, ...ADMIN_FILES], true)
    if (places.configFile !== undefined) await this.#content(places.configFile, 'kubelet-config')
    this.#assumed = places.guessed
    this.#kubeletStart = places.start
    if (places.guessed !== undefined && places.configFile !== undefined && !this.#files.has(places.configFile))
      this.#unreadObjects.push({
        path: places.configFile,
        because: `how its kubelet was started is not known (${places.guessed}), and ${places.configFile} is not there`,
        only: 'KubeletConfiguration',
      })
    if (places.dropIns !== undefined) await this.#eachBelow(places.dropIns.replace(/\/+$/, ''), 0)
    await this.#content(places.kubeconfig, 'kubeconfig')
    for (const path of places.certificates) await this.#certificate(path, true)
    for (const path of places.keys) await this.#stat(path, 'key')
    // kubelet-client-current.pem and its like hold the certificate and the key in one.
    await this.#eachIn(places.certificateDirectory, /\.(pem|key)$/, (path) => this.#stat(path, 'key'))
    // Those of before lie beside them, and are over.
    await this.#eachIn(places.certificateDirectory, /(-current\.pem|\.crt)$/, (path) => this.#certificate(path), true)
  }

  async #staticPods(directory: string): Promise<readonly StaticPodSeen[]> {
    await this.#stat(directory, 'static-pod-directory')
    const pods: StaticPodSeen[] = []
    await this.#eachIn(
      directory,
      /^[^.]/,
      async (path) => {
        const text = (await this.#read(path, 'static-pod'))?.text
        const pod = text === undefined ? undefined : staticPodIn(path, text)
        if (pod === undefined) return
        this.#components.add(pod.component)
        this.#add({ ...this.#files.get(path)!, text: text! })
        pods.push(pod)
      },
      true,
    )
    const named = pods.flatMap((pod) => pod.named)
    const isRead = ({ role, flag }: (typeof named)[number]) =>
      role === 'configuration' || role === 'kubeconfig' || (role === 'certificate' && flag !== 'service-account-key-file')
    const folders = named.filter(({ role }) => role === 'certificate' || role === 'key').map(({ path }) => dirname(path))
    await this.#foresee(
      named.filter(isRead).map(({ path }) => path),
      true,
    )
    await this.#foresee([...named.filter((one) => !isRead(one)).map(({ path }) => path), ...folders], false)
    for (const one of named) {
      const { path, role } = one
      if (role === 'configuration' || role === 'kubeconfig') await this.#content(path, role, role === 'configuration')
      else if (isRead(one)) await this.#certificate(path, true)
      else await this.#stat(path, role)
      if (role !== 'certificate' && role !== 'key') continue
      await this.#stat(dirname(path), 'pki-directory')
      if (OWN_FOLDER.test(path)) await this.#eachIn(dirname(path), /\.crt$/, (found) => this.#certificate(found), true)
    }
    return pods
  }

  /** Nothing is taken from it but time: a refusal is met again, and told, when the path itself is asked about. */
  async #foresee(paths: readonly string[], content: boolean): Promise<void> {
    if (this.#signal?.aborted === true) throw new HostUnreachable('it was given up')
    await this.#host.foresee(paths, content).catch((error: unknown) => {
      if (!(error instanceof HostRefused)) throw error
    })
  }

  /** Drop-ins may stand in directories of their own; the kubelet goes into them as into the first one. */
  async #eachBelow(directory: string, depth: number): Promise<void> {
    await this.#eachIn(
      directory,
      /./,
      async (path) => {
        const stat = await this.#asking(path, () => this.#host.stat(path))
        if (stat?.is === 'directory' && depth < MOST_DEPTH) await this.#eachBelow(path, depth + 1)
        else if (path.endsWith('.conf')) await this.#content(path, 'kubelet-config')
      },
      true,
    )
  }

  /** `content`: they are read. */
  async #eachIn(directory: string, names: RegExp, take: (path: string) => Promise<void>, content = false): Promise<void> {
    const found = await this.#asking(directory, () => this.#host.list(directory))
    const paths = (found ?? []).filter((name) => names.test(name) && !/[\0-\x1f\x7f]/.test(name)).map((name) => `${directory}/${name}`)
    await this.#foresee(paths, content)
    for (const path of paths) await take(path)
  }

  /** Objects of our kinds in a file. `must`: a flag names it, so it has to be there. */
  async #content(path: string, role: HostFileRole, must = false): Promise<void> {
    if (this.#done.has(`content ${path}`)) return
    this.#done.add(`content ${path}`)
    const before = this.#unread.length
    const file = await this.#read(path, role)
    if (file === undefined) {
      const because = this.#unread.slice(before).find((one) => one.path === path)?.because
      if (must || because !== undefined)
        this.#unreadObjects.push({ path, because: because ?? `${path} is not there, though a flag names it` })
      return
    }
    const { objects, problems } = parseFile(`${this.#host.node}:${path}`, asRead(file.text))
    this.#objects.push(...objects)
    if (problems.length > 0 || (must && objects.length === 0))
      this.#unreadObjects.push({
        path,
        because: `${path} cannot be understood: ${problems[0]?.message ?? 'nothing of a known kind is in it'}`,
      })
    const text = shown(objects, file.text)
    if (text !== undefined) this.#add({ ...this.#files.get(path)!, text })
  }

  /** What certificates say of themselves; of a key in the same file nothing is kept. `must`: a flag names it. */
  async #certificate(path: string, must = false): Promise<void> {
    if (this.#done.has(`certificate ${path}`)) return
    this.#done.add(`certificate ${path}`)
    await this.#stat(path, 'certificate')
    // Bundles of the system are there to be trusted, and are not the cluster's.
    if (/^\/(etc\/(ssl|pki|ca-certificates)|usr)\//.test(path)) return
    const before = this.#unread.length
    const text = (await this.#asking(path, () => this.#host.read(path)))?.text
    const because = this.#unread.slice(before).find((one) => one.path === path)?.because
    const certificates = certificatesIn(text ?? '')
    if (text === undefined && because === undefined && !must) return
    if (certificates.length === 0) {
      const why = because ?? (text === undefined ? `${path} is not there, though a flag names it` : `no certificate can be read in ${path}`)
      this.#unreadObjects.push({ path, because: why, only: 'CertificateFile' })
      return
    }
    const name = `${this.#host.node}:${path}`
    const file = { apiVersion: 'k8s-harden/v1', kind: 'CertificateFile', metadata: { name }, certificates, pem: pemsIn(text ?? '') }
    this.#objects.push(...parseFile(name, JSON.stringify(file)).objects)
  }

  async #read(path: string, role: HostFileRole): Promise<{ readonly text: string } | undefined> {
    const file = await this.#asking(path, () => this.#host.read(path))
    if (file === undefined) return undefined
    const { size: _, is: __, ...rights } = file.stat
    this.#add({ path, role, is: 'file', ...rights, ...(role !== 'kubeconfig' && { sha256: file.sha256 }) })
    return file
  }

  /** Of a link, the rights are those of what it leads to: the link itself has none. */
  async #stat(path: string, role: HostFileRole): Promise<void> {
    if (this.#files.has(path)) return
    const stat = await this.#asking(path, () => this.#host.stat(path))
    if (stat === undefined) return
    if (stat.is === 'link') {
      const target = await this.#asking(path, () => this.#host.read(path))
      if (target !== undefined) this.#put(path, role, target.stat, { link: true })
    } else this.#put(path, role, stat)
  }
  #put(path: string, role: HostFileRole, { is, size: _, ...rights }: Stat, more: { readonly link?: true } = {}): void {
    if (is === 'file' || is === 'directory') this.#add({ path, role, is, ...rights, ...more })
  }
  #add(file: HostFileSeen): void {
    this.#files.set(file.path, file)
  }

  /** A refusal is told of the path; where nobody answers the whole look ends. */
  async #asking<T>(path: string, ask: () => Promise<T | undefined>): Promise<T | undefined> {
    if (this.#signal?.aborted === true) throw new HostUnreachable('it was given up')
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof HostRefused)) throw error
      if (!this.#unread.some((one) => one.path === path)) this.#unread.push({ path, because: error.message })
      return undefined
    }
  }
}
