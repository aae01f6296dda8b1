/** Printed in the Kubernetes documentation, so no secrets: a control must be able to recognise them. */
const PUBLISHED_KEYS = new Set(['c2VjcmV0IGlzIHNlY3VyZQ==', 'dGhpcyBpcyBwYXNzd29yZA==', 'YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY='])

/** Stands where a template or a human is to put the key. */
export const isPlaceholder = (key: string): boolean => /\{\{.*\}\}|\$\{.*\}|^<.*>$/.test(key)

/** The bytes of a key, one character each; undefined where it is no base64. */
export function keyBytes(key: string): string | undefined {
  try {
    return atob(key)
  } catch {
    return undefined
  }
}

/** `guessable`: a phrase, a sample, one byte again and again. `printable`: text that a generator may have made. */
export type KeyLook = 'random' | 'printable' | 'guessable'

/** 32 random bytes are all printable once in 10^14, and all alike never. Generators of passwords make keys too (kubespray: letters and digits). */
export function keyLook(bytes: string): KeyLook {
  if (bytes === printable(bytes.length)) return 'printable'
  if (bytes === '' || !/^[\x20-\x7e\r\n]+$|^(.)\1*$/s.test(bytes)) return 'random'
  return isGenerated(bytes) ? 'printable' : 'guessable'
}

/** No words, no rows of neighbours, and of several kinds of characters in no order. */
function isGenerated(text: string): boolean {
  if (text.length < 16 || !/^[\w+/=-]+$/.test(text) || /pass|secret|secur|kube|encrypt|change|admin|qwert|key/i.test(text)) return false
  const codes = Array.from(text, (one) => one.charCodeAt(0))
  const kinds = Array.from(text, (one) => [/[a-z]/, /[A-Z]/, /\d/].findIndex((kind) => kind.test(one)))
  const changes = kinds.filter((kind, at) => at > 0 && kind !== kinds[at - 1]).length
  const rows = codes.filter(
    (code, at) => at > 1 && code - codes[at - 1]! === codes[at - 1]! - codes[at - 2]! && Math.abs(code - codes[at - 1]!) < 2,
  )
  return changes >= text.length / 5 && rows.length < 3
}

/** Stands for text: no bytes that a key has. */
const printable = (length: number): string => '\x01\x02'.repeat(length).slice(0, length)

/**
 * What is kept of an encryption key (base64): bytes that anybody can write down, as many as it has. They look as random or as guessable, are as
 * much a placeholder and as little base64 as the key is, since that is what is judged of it.
 */
export function standIn(key: string): string {
  if (PUBLISHED_KEYS.has(key)) return key
  if (isPlaceholder(key)) return '{{key}}'
  const bytes = keyBytes(key)
  if (bytes === undefined) return '(no base64)'
  const look = keyLook(bytes)
  if (look === 'printable') return btoa(printable(bytes.length))
  return btoa(
    look === 'guessable' ? '\0'.repeat(bytes.length) : Array.from(bytes, (_, at) => String.fromCharCode(0x80 | (at & 0x7f))).join(''),
  )
}
