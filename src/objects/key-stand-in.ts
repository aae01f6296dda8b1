/** Printed in the Kubernetes documentation, so no secrets: a control must be able to recognise them. */
const PUBLISHED_KEYS = new Set(['c2VjcmV0IGlzIHNlY3VyZQ==', 'dGhpcyBpcyBwYXNzd29yZA==', 'YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY='])

/** Whether a key is no random number, byte by byte: 32 random bytes are all printable once in 10^14, and all alike never. */
export const isGuessable = (bytes: string): boolean => /^[\x20-\x7e\r\n]+$/.test(bytes) || /^(.)\1*$/s.test(bytes)

/**
 * What is kept of an encryption key (base64): its length, and whether it could be guessed, which is all there is to judge of it. Zeros for
 * one that could; bytes in turn for one that could not. A stand-in is its own.
 */
export function standIn(key: string): string {
  if (PUBLISHED_KEYS.has(key)) return key
  const bytes = Buffer.from(key, 'base64')
  return (
    isGuessable(bytes.toString('latin1')) ? Buffer.alloc(bytes.length) : bytes.map((_, index) => (index % 2 === 0 ? 0 : 0xff))
  ).toString('base64')
}
