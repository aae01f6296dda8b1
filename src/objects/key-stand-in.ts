/** Printed in the Kubernetes documentation, so no secrets: a control must be able to recognise them. */
const PUBLISHED_KEYS = new Set(['c2VjcmV0IGlzIHNlY3VyZQ==', 'dGhpcyBpcyBwYXNzd29yZA==', 'YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY='])

/** What is kept of an encryption key (base64): zeros of its length, which is all there is to judge of it. */
export const standIn = (key: string): string =>
  PUBLISHED_KEYS.has(key) ? key : Buffer.alloc(Buffer.from(key, 'base64').length).toString('base64')
