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

/** 32 random bytes are all printable once in 10^14, and all alike never. */
export const isGuessable = (bytes: string): boolean => bytes !== '' && (/^[\x20-\x7e\r\n]+$/.test(bytes) || /^(.)\1*$/s.test(bytes))

/**
 * What is kept of an encryption key (base64): bytes that anybody can write down, as many as it has. They are as guessable, as much a
 * placeholder and as little base64 as the key is, since that is what is judged of it.
 */
export function standIn(key: string): string {
  if (PUBLISHED_KEYS.has(key)) return key
  if (isPlaceholder(key)) return '{{key}}'
  const bytes = keyBytes(key)
  if (bytes === undefined) return '(no base64)'
  return btoa(
    isGuessable(bytes) ? '\0'.repeat(bytes.length) : Array.from(bytes, (_, at) => String.fromCharCode(0x80 | (at & 0x7f))).join(''),
  )
}
