/** Bytes of a manifest to text and back, byte for byte. Kubernetes reads UTF-8, and UTF-16 with a byte order mark. */
import { isUtf8 } from 'node:buffer'

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be'
export interface Decoded {
  readonly text: string
  readonly encoding: Encoding
}

/** Bytes that are no text we understand; `line` counts from 1. The message goes behind the name of the file. */
export class EncodingProblem extends Error {
  override readonly name = 'EncodingProblem'
  readonly line: number
  constructor(message: string, line: number) {
    super(message)
    this.line = line
  }
}

export function decode(bytes: Uint8Array): Decoded {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return decodeUtf16(bytes, 'utf-16le')
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return decodeUtf16(bytes, 'utf-16be')
  if (bytes.subarray(0, 8192).includes(0)) throw new EncodingProblem('is a binary file', 1)
  if (!isUtf8(bytes)) throw notUtf8(bytes)
  return { text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), encoding: 'utf-8' }
}

export function encode({ text, encoding }: Decoded): Uint8Array {
  if (encoding === 'utf-8') return Buffer.from(text, 'utf8')
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le')
  return encoding === 'utf-16le' ? bytes : bytes.swap16()
}

function decodeUtf16(bytes: Uint8Array, encoding: 'utf-16le' | 'utf-16be'): Decoded {
  try {
    return { text: new TextDecoder(encoding, { fatal: true }).decode(bytes), encoding }
  } catch {
    throw new EncodingProblem('begins as UTF-16 and is not: save it as UTF-8', 1)
  }
}

function notUtf8(bytes: Uint8Array): EncodingProblem {
  let line = 1
  for (let start = 0; start < bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, start)
    const end = newline < 0 ? bytes.length : newline
    if (!isUtf8(bytes.subarray(start, end))) break
    start = end + 1
  }
  return new EncodingProblem('is not UTF-8, so kubectl refuses it and it was not read: save it as UTF-8', line)
}
