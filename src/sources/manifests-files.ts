/** Which files a path stands for, and their text. Never leaves the given directory, never follows a link in circles. */
import { constants, type Dirent } from 'node:fs'
import { open, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { certificatesIn } from '../objects/certificates.ts'
import { decode } from './manifests-encoding.ts'

export interface FoundFile {
  /** Relative to the root with `/` between its parts; for a single file its base name. */
  readonly file: string
  readonly path: string
  /** Differs when the content may differ. */
  readonly signature: string
}
export interface Found {
  readonly files: readonly FoundFile[]
  readonly problems: readonly { readonly file: string; readonly message: string }[]
}

/** Where the writer keeps what it removed and may not put into the journal. */
const SKIPPED = new Set(['node_modules', '.git', '.removed'])
/** In what `generate` wrote, `undo/` holds what was before: patches that nobody wants to have judged. */
const GENERATED = '.k8s-harden.json'
const MANIFEST = /\.(?:ya?ml|json|kubeconfig)$|^Kustomization$/i
/** As kubeadm names its kubeconfigs; whatever else is called so is no business of ours. */
const CONF = /\.conf$/i
const KUBEADM_CONF = /^(?:admin|super-admin|controller-manager|scheduler|kubelet|bootstrap-kubelet)\.conf$/
const KUBECONFIG = [/(?:^|[\s{,"'])apiVersion["']?\s*:\s*["']?v1\b/, /(?:^|[\s{,"'])kind["']?\s*:\s*["']?Config\b/]
const MAX_FILE = 100 * 1024 * 1024

/** Certificates of a control plane, never its keys: in the directories of kubeadm, k3s and RKE2, whatever lies around them. */
const CERTIFICATE = /(?:^|\/)(?:pki|server\/tls)\/(?:[^/]+\/)*[^/]+\.crt$/

const isWanted = (name: string): boolean => MANIFEST.test(name) || CONF.test(name)

/** The manifests under a path, in the order of their names. Throws what the operating system says of the path itself. */
export async function findFiles(root: string): Promise<Found> {
  const info = await stat(root)
  if (!info.isDirectory()) return { files: [{ file: basename(root), path: root, signature: signatureOf(info) }], problems: [] }
  const files: FoundFile[] = []
  const problems: Found['problems'][number][] = []
  await walk({ root: await realpath(root), seen: new Set(), files, problems }, root, '')
  files.sort((a, b) => (a.file < b.file ? -1 : 1))
  return { files, problems }
}

interface Walk {
  readonly root: string
  readonly seen: Set<string>
  readonly files: FoundFile[]
  readonly problems: Found['problems'][number][]
}

async function walk(state: Walk, directory: string, prefix: string): Promise<void> {
  let entries: Dirent[]
  try {
    const real = await realpath(directory)
    if (state.seen.has(real)) return
    state.seen.add(real)
    entries = await readdir(directory, { withFileTypes: true })
  } catch (error) {
    state.problems.push({ file: prefix.slice(0, -1), message: unreadable(error) })
    return
  }
  // Plain entries first: where a link and its target are both in the tree, the target gives the name.
  entries.sort((a, b) => Number(a.isSymbolicLink()) - Number(b.isSymbolicLink()) || (a.name < b.name ? -1 : 1))
  const isOutput = entries.some(({ name }) => name === GENERATED)
  for (const entry of entries) {
    if (isOutput && entry.name === 'undo') continue
    if (SKIPPED.has(entry.name)) continue
    const path = join(directory, entry.name)
    const file = `${prefix}${entry.name}`
    if (entry.isDirectory()) await walk(state, path, `${file}/`)
    else if (entry.isFile() && (isWanted(entry.name) || isCertificate(path))) await take(state, path, file)
    else if (entry.isSymbolicLink()) await followLink(state, path, file)
  }
}

async function followLink(state: Walk, path: string, file: string): Promise<void> {
  try {
    const target = await realpath(path)
    const isDirectory = (await stat(target)).isDirectory()
    if (!isDirectory && !isWanted(basename(file)) && !isCertificate(path)) return
    if (!isInside(state.root, target)) state.problems.push({ file, message: 'is a link to outside of the directory and was not followed' })
    else if (isDirectory) await walk(state, path, `${file}/`)
    else await take(state, path, file)
  } catch (error) {
    if (MANIFEST.test(basename(file)) || KUBEADM_CONF.test(basename(file))) state.problems.push({ file, message: unreadable(error) })
  }
}

async function take(state: Walk, path: string, file: string): Promise<void> {
  try {
    const real = await realpath(path)
    if (state.seen.has(real)) return
    state.seen.add(real)
    const info = await stat(real)
    if (info.isFile()) state.files.push({ file, path, signature: signatureOf(info) })
  } catch (error) {
    state.problems.push({ file, message: unreadable(error) })
  }
}

const isCertificate = (path: string): boolean => CERTIFICATE.test(path.split(sep).join('/'))
const isInside = (root: string, path: string): boolean => {
  const way = relative(root, path)
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && way !== path)
}
const signatureOf = (info: { readonly mtimeMs: number; readonly size: number; readonly ino: number }): string =>
  `${info.mtimeMs} ${info.size} ${info.ino}`

/** As readManifest, but of a `.conf` that is no kubeconfig nothing is kept, and nothing is said; of certificates, what they say of themselves. */
export async function readFound(file: string, path: string, signal?: AbortSignal): Promise<string> {
  if (isCertificate(path)) return certificateFile(file, await readManifest(path, signal))
  if (!CONF.test(file)) return readManifest(path, signal)
  try {
    const text = await readManifest(path, signal)
    return KUBECONFIG.every((pattern) => pattern.test(text)) ? text : ''
  } catch (error) {
    if (KUBEADM_CONF.test(basename(file))) throw error
    return ''
  }
}

function certificateFile(file: string, text: string): string {
  const certificates = certificatesIn(text)
  return certificates.length === 0
    ? ''
    : JSON.stringify({ apiVersion: 'k8s-harden/v1', kind: 'CertificateFile', metadata: { name: basename(file) }, certificates })
}

/** The text of a manifest; UTF-16 (PowerShell's redirection) is understood. Throws with words for the operator. */
export async function readManifest(path: string, signal?: AbortSignal): Promise<string> {
  const info = await stat(path)
  if (info.size > MAX_FILE) throw tooLarge()
  return decode(info.isFIFO() ? await readPipe(path, signal) : await readFile(path)).text
}
const tooLarge = (): Error => new Error(`is larger than ${MAX_FILE / 1024 / 1024} MiB and was not read`)

const PIPE_LOOK_MS = 20
/** How long a named pipe may have nobody at its other end before it is taken for empty. */
const PIPE_WRITER_MS = 5_000

/** A pipe (`--manifests <(helm template …)`) never blocks a thread: waiting for it can be interrupted. */
async function readPipe(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const chunks: Uint8Array[] = []
    const chunk = Buffer.alloc(64 * 1024)
    let [size, waited] = [0, 0]
    while (true) {
      const { bytesRead } = await handle.read(chunk).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'EAGAIN') return { bytesRead: -1 }
        throw error
      })
      if (bytesRead > 0) {
        chunks.push(Uint8Array.from(chunk.subarray(0, bytesRead)))
        if ((size += bytesRead) > MAX_FILE) throw tooLarge()
        continue
      }
      if (bytesRead === 0 && (size > 0 || waited >= PIPE_WRITER_MS)) return Buffer.concat(chunks)
      waited = bytesRead === 0 ? waited + PIPE_LOOK_MS : 0
      await pause(PIPE_LOOK_MS, undefined, { ...(signal !== undefined && { signal }) })
    }
  } finally {
    await handle.close()
  }
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'may not be read (permission denied)',
  EPERM: 'may not be read (not permitted)',
  ELOOP: 'is a link that leads to itself',
  ENOENT: 'is a link to nothing',
}
export function unreadable(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === undefined ? message : (WORDS[code] ?? `cannot be read (${code})`)
}
