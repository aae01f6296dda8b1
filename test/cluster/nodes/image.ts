import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { type TarEntry, tar } from './tar.ts'

/** A file or folder of an image: like in a Dockerfile, folders above it are made by themselves, owned by root. */
export interface ImageFile {
  /** Its bytes; a folder has none of the three. */
  readonly content?: string
  /** The bytes of a file of this machine. */
  readonly copyOf?: string
  /** Our own program, which every image has at /workload too. */
  readonly workload?: true
  /** 0755 by default; 4755 sets the setuid bit. */
  readonly mode?: number
  readonly owner?: number
  /** A file capability, permitted and effective. */
  readonly capability?: keyof typeof capabilityBits
}

/** What an image is made of; the field names follow the image configuration of OCI. */
export interface ImageOptions {
  /** With its registry and tag, such as `k8s-harden.test/app:1`: pods name it exactly so. */
  readonly name: string
  /** As in USER: a number, `number:number` or a name of /etc/passwd; unset is root. */
  readonly user?: string
  readonly files?: Readonly<Record<string, ImageFile>>
  readonly volumes?: readonly string[]
  /** As in EXPOSE, such as `8080/tcp`. */
  readonly ports?: readonly string[]
  readonly env?: readonly string[]
  /** Steps of the workload that run when the container names no `args`. */
  readonly steps?: readonly string[]
  readonly workingDir?: string
  /** The program; `/workload` by default. */
  readonly entrypoint?: readonly string[]
}

/** An image in memory, ready for `writeImages`. */
export interface Image {
  readonly name: string
  readonly config: Buffer
  readonly layers: readonly Buffer[]
}

const capabilityBits = { chown: 0, dac_override: 1, setuid: 7, net_bind_service: 10, net_admin: 12, net_raw: 13 }
const root: Readonly<Record<string, ImageFile>> = {
  '/etc/passwd': { content: 'root:x:0:0:root:/root:/workload\napp:x:1234:1234:app:/app:/workload\n', mode: 0o644 },
  '/etc/group': { content: 'root:x:0:\napp:x:1234:\nextra:x:4321:app\n', mode: 0o644 },
  '/tmp': { mode: 0o1777 },
}

/** Makes an image of our static program; `workload` is the path of that. `app` in its /etc/passwd is 1234, with group 4321 besides. */
export function image(workload: string, options: ImageOptions): Image {
  const { user, files = {}, volumes = [], ports = [], env = [], steps, workingDir, entrypoint = ['/workload'] } = options
  // Shared by all our images, byte by byte: kept and unpacked once.
  const base = layer(workload, { '/workload': { workload: true }, ...root })
  const layers = [base, ...(Object.keys(files).length > 0 ? [layer(workload, files)] : [])]
  const config = {
    architecture: { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch,
    os: 'linux',
    config: {
      ...(user === undefined ? {} : { User: user }),
      Entrypoint: entrypoint,
      ...(steps ? { Cmd: steps } : {}),
      ...(workingDir ? { WorkingDir: workingDir } : {}),
      Env: ['PATH=/usr/local/bin:/usr/bin:/bin', ...env],
      ...(volumes.length > 0 ? { Volumes: emptyObjects(volumes) } : {}),
      ...(ports.length > 0 ? { ExposedPorts: emptyObjects(ports) } : {}),
    },
    rootfs: { type: 'layers', diff_ids: layers.map((bytes) => `sha256:${digest(bytes)}`) },
    history: layers.map(() => ({ created_by: 'k8s-harden tests' })),
  }
  return { name: options.name, config: Buffer.from(JSON.stringify(config)), layers }
}

/** Writes images as one archive in Docker's format, which `ctr images import` reads. */
export async function writeImages(path: string, images: readonly Image[]): Promise<void> {
  const files = new Map<string, Buffer>()
  const manifest = images.map(({ name, config, layers }) => {
    const configFile = `${digest(config)}.json`
    files.set(configFile, config)
    const layerFiles = layers.map((bytes) => {
      const file = `${digest(bytes)}/layer.tar`
      files.set(file, bytes)
      return file
    })
    return { Config: configFile, RepoTags: [name], Layers: layerFiles }
  })
  files.set('manifest.json', Buffer.from(JSON.stringify(manifest)))
  await writeFile(path, tar([...files].map(([name, content]) => ({ path: name, content, mode: 0o644 }))))
}

function layer(workload: string, files: Readonly<Record<string, ImageFile>>): Buffer {
  const entries = Object.entries(files).map(([path, file]): TarEntry => {
    const { owner, capability } = file
    const content = bytesOf(file, workload)
    const xattrs = capability ? { 'security.capability': capabilityXattr(capability) } : undefined
    return { path: path.slice(1), content, mode: file.mode ?? 0o755, owner, xattrs }
  })
  return tar(entries)
}

function bytesOf({ content, copyOf, workload: own }: ImageFile, workload: string): Buffer | undefined {
  if (own) return readFileSync(workload)
  if (copyOf !== undefined) return readFileSync(copyOf)
  return content === undefined ? undefined : Buffer.from(content)
}

// struct vfs_cap_data of linux/capability.h, version 2: magic with the effective bit, then permitted and inheritable.
function capabilityXattr(capability: keyof typeof capabilityBits): Buffer {
  const data = Buffer.alloc(20)
  data.writeUInt32LE(0x02000001, 0)
  data.writeUInt32LE(1 << capabilityBits[capability], 4)
  return data
}

function emptyObjects(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]))
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
