// The certificate library needs the Reflect polyfill to be loaded before it.
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const day = 24 * 60 * 60 * 1000

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string
  readonly key: string
}

/** Whom a client certificate names: Kubernetes reads CN as the user and each O as a group. */
export interface Identity {
  readonly user: string
  readonly groups?: readonly string[]
}

/** A certificate authority that lives as long as one test cluster. */
export interface Authority extends KeyPair {
  issueServer(names: readonly string[], addresses: readonly string[]): Promise<KeyPair>
  issueClient(identity: Identity): Promise<KeyPair>
}

/** Makes a fresh authority. */
export async function createAuthority(name: string): Promise<Authority> {
  const keys = await newKeys()
  const self = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })

  const issue = (subject: x509.JsonName, usage: x509.ExtendedKeyUsage, extra: x509.Extension[] = []) =>
    issueFrom({ issuer: self.subject, signingKey: keys.privateKey, subject, usage, extra })

  return {
    certificate: self.toString('pem'),
    key: await pem(keys.privateKey),
    issueServer: (names, addresses) =>
      issue([{ CN: [names[0] ?? name] }], x509.ExtendedKeyUsage.serverAuth, [
        new x509.SubjectAlternativeNameExtension([
          ...names.map((value) => ({ type: 'dns' as const, value })),
          ...addresses.map((value) => ({ type: 'ip' as const, value })),
        ]),
      ]),
    issueClient: ({ user, groups = [] }) =>
      issue([...groups.map((group) => ({ O: [group] })), { CN: [user] }], x509.ExtendedKeyUsage.clientAuth),
  }
}

/** A bare signing key for service account tokens: PEM private and public key. */
export async function createTokenKey(): Promise<{ privateKey: string; publicKey: string }> {
  const keys = await newKeys()
  return { privateKey: await pem(keys.privateKey), publicKey: await pem(keys.publicKey) }
}

interface Order {
  readonly issuer: string
  readonly signingKey: webcrypto.CryptoKey
  readonly subject: x509.JsonName
  readonly usage: x509.ExtendedKeyUsage
  readonly extra: x509.Extension[]
}

async function issueFrom({ issuer, signingKey, subject, usage, extra }: Order): Promise<KeyPair> {
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(),
    subject,
    issuer,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      ...extra,
    ],
  })
  return { certificate: certificate.toString('pem'), key: await pem(keys.privateKey) }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>
}

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  const [format, label] = key.type === 'private' ? (['pkcs8', 'PRIVATE KEY'] as const) : (['spki', 'PUBLIC KEY'] as const)
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey(format, key), label)
}

function validity(): { notBefore: Date; notAfter: Date } {
  // Clocks of a container and its host may differ by a little.
  return { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 30 * day) }
}
