import type { Readable } from 'node:stream'

/** No object of a Kubernetes API is larger than a few megabytes; what is comes from something else. */
const LONGEST_LINE = 32 * 1024 * 1024

/**
 * Hands every line of a byte stream to `onLine`, in order, as soon as it is there; `false` ends the reading. Resolves true when
 * the stream ended of itself, false when `onLine` ended it; rejects when the connection broke. What stands behind the last
 * line break is no line: a cut connection must not look like a short answer.
 */
export function readLines(stream: Readable, onLine: (line: string) => boolean | undefined): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let begun: Buffer[] = []
    let begunBytes = 0
    let over = false
    const finish = (settle: () => void) => {
      if (over) return
      over = true
      begun = []
      stream.off('data', onData)
      stream.destroy()
      settle()
    }
    const onData = (chunk: Buffer) => {
      try {
        let start = 0
        for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
          const line = begunBytes === 0 ? chunk.toString('utf8', start, end) : joined(begun, chunk.subarray(start, end))
          if (begunBytes > 0) {
            begun = []
            begunBytes = 0
          }
          start = end + 1
          if (line !== '' && onLine(line) === false) return finish(() => resolve(false))
        }
        if (start === chunk.length) return
        begun.push(start === 0 ? chunk : chunk.subarray(start))
        begunBytes += chunk.length - start
        if (begunBytes > LONGEST_LINE) throw new Error('a line of more than 32 MiB')
      } catch (error) {
        finish(() => reject(error as Error))
      }
    }
    stream.on('data', onData)
    stream.once('end', () => finish(() => resolve(true)))
    stream.on('error', (error) => finish(() => reject(error)))
    stream.once('close', () => finish(() => reject(new Error('the connection was cut'))))
    stream.resume()
  })
}

const joined = (begun: readonly Buffer[], rest: Buffer): string => Buffer.concat([...begun, rest]).toString('utf8')

/** The whole of a body that is known to be small. Rejects when it is cut short, or larger than `limit` bytes. */
export function readText(stream: Readable, limit: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let ended = false
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > limit) stream.destroy(new Error(`an answer of more than ${Math.round(limit / 1024 / 1024)} MiB`))
      else chunks.push(chunk)
    })
    stream.once('end', () => {
      ended = true
      resolve(Buffer.concat(chunks).toString('utf8'))
    })
    stream.on('error', reject)
    stream.once('close', () => {
      if (!ended) reject(new Error('the connection was cut'))
    })
    stream.resume()
  })
}

/** At most `limit` bytes of a body; what follows is not waited for. */
export async function readBeginning(stream: Readable, limit: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    if ((bytes += chunk.length) >= limit) break
  }
  return Buffer.concat(chunks).subarray(0, limit).toString('utf8')
}
