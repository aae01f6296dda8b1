import { readFile, stat } from 'node:fs/promises'
import type { ClusterSource, Facts } from '../model/index.ts'
import { UsageError } from './errors.ts'

const MOST_BYTES = 64 * 2 ** 20

/** `--images registry` or `--images FILE`, around a source. */
export async function withImagesOf(source: ClusterSource, images: string): Promise<ClusterSource> {
  const { withImages } = await import('../sources/images.ts')
  return withImages(source, await imagesOf(images))
}

/** A file that cannot be used is an error of usage: a scan without it would say less than was asked for. */
export async function imagesOf(images: string): Promise<Facts['ImageConfigs'] | 'registry'> {
  if (images === 'registry') return images
  const { imagesIn } = await import('../sources/facts/image-file.ts')
  try {
    if ((await stat(images)).size > MOST_BYTES) throw new Error('is larger than 64 MB')
    return imagesIn(await readFile(images, 'utf8'))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new UsageError(`the file of image configurations ${images} ${code === undefined ? message : `cannot be read (${code})`}`, [
      '--images registry asks the registries',
      'skopeo inspect --config docker://IMAGE | jq -c \'{image: "IMAGE", config}\' >> images.jsonl',
      'docker image inspect IMAGE... > images.json',
    ])
  }
}
