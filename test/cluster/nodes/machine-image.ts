import { execaSync } from 'execa'
import type { ImageFile, ImageOptions } from './image.ts'

/** An image with programs of this machine in /usr/bin, and the shared libraries that they name. */
export function machineImage(name: string, programs: readonly string[]): ImageOptions {
  const files: Record<string, ImageFile> = {}
  for (const program of programs) {
    const path = execaSync('which', [program]).stdout
    files[`/usr/bin/${program}`] = { copyOf: path }
    // "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)" and "/lib64/ld-linux-x86-64.so.2 (0x…)"; a static program has none.
    const { stdout } = execaSync('ldd', [path], { reject: false })
    for (const [, library = ''] of stdout.matchAll(/(?:=>|^)\s+(\/\S+) \(0x/gm)) files[library] = { copyOf: library }
  }
  return { name, files }
}

/** What a helper pod runs, and `cat` for tests. */
export const helperPrograms = 'env sh sleep stat readlink head sha256sum ls find mkdir mktemp dd cp chown chmod mv rm sync cat'.split(' ')
