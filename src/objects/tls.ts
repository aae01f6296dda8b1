/** TLS versions, cipher suites and listening addresses as Go's flags name them. */

/** Older than TLS 1.2. */
export const isOldProtocol = (version: string): boolean => /^(VersionTLS1[01]|TLSv1(\.1)?|SSLv3)$/.test(version)

/** Why a suite should not be offered: its key exchange has no forward secrecy, or its cipher is broken or brittle. Undefined: fine. */
export function weaknessOf(suite: string): string | undefined {
  if (suite.includes('_RC4_')) return 'RC4'
  if (suite.includes('_3DES_')) return '3DES'
  if (suite.startsWith('TLS_RSA_')) return 'RSA key exchange'
  if (suite.includes('_CBC_')) return 'CBC'
  return undefined
}

/** What a list of suites is cut down to. HTTP/2 needs an ECDHE suite with AES-128-GCM: without one the list is given up and Go's own is used. */
export function strongSuites(suites: readonly string[]): readonly string[] | undefined {
  const strong = suites.filter((suite) => weaknessOf(suite) === undefined)
  return strong.some((suite) => /^TLS_ECDHE_.*_AES_128_GCM/.test(suite)) ? strong : undefined
}

/** Does a URL stay on its own node? */
export const isLoopbackUrl = (url: string): boolean =>
  URL.canParse(url) && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname)
