/** A tar archive in memory, with extended attributes, which the usual libraries cannot write. */

export interface TarEntry {
  /** Relative, at most 99 bytes. */
  readonly path: string
  /** None: a folder. */
  readonly content?: Buffer | undefined
  readonly mode: number
  /** User and group alike; 0 by default. */
  readonly owner?: number | undefined
  readonly xattrs?: Readonly<Record<string, Buffer>> | undefined
}

const block = 512

/** The archive (POSIX ustar with pax records); equal entries give equal bytes. */
export function tar(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const path = entry.content ? entry.path : `${entry.path}/`
    const extended = entry.xattrs ? [header('pax', 'x', records(entry.xattrs).length, 0o644), padded(records(entry.xattrs))] : []
    const size = entry.content?.length ?? 0
    return [...extended, header(path, entry.content ? '0' : '5', size, entry.mode, entry.owner), padded(entry.content ?? Buffer.alloc(0))]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}

function header(path: string, type: string, size: number, mode: number, owner = 0): Buffer {
  const bytes = Buffer.alloc(block)
  const octal = (value: number, offset: number, length: number) => bytes.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset)
  if (Buffer.byteLength(path) > 99) throw new Error(`${path} is too long for a tar header`)
  bytes.write(path, 0)
  octal(mode, 100, 8)
  octal(owner, 108, 8)
  octal(owner, 116, 8)
  octal(size, 124, 12)
  octal(0, 136, 12)
  bytes.write(' '.repeat(8), 148)
  bytes.write(type, 156)
  bytes.write('ustar\x0000', 257)
  // The sum of all bytes, its own field counted as blanks.
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return bytes
}

/** pax records: each begins with its own length, which counts its own digits too. */
function records(xattrs: Readonly<Record<string, Buffer>>): Buffer {
  return Buffer.concat(
    Object.entries(xattrs).map(([name, value]) => {
      const rest = Buffer.concat([Buffer.from(` SCHILY.xattr.${name}=`), value, Buffer.from('\n')])
      let length = rest.length
      while (length !== rest.length + String(length).length) length = rest.length + String(length).length
      return Buffer.concat([Buffer.from(String(length)), rest])
    }),
  )
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((block - (content.length % block)) % block)])
}
