/** Gives an entry point TLS: a certificate that the operator names, the redirect, and no old versions. */
import { remedy } from '../src/model/define.ts'
import type { Edit, IngressObject, Proposal, Remedy } from '../src/model/index.ts'
import type { TlsEvidence } from '../src/objects/entry-tls.ts'
import { formatPath } from '../src/objects/path.ts'
import { isNamedBy, refText } from '../src/objects/ref.ts'

const MAY_BREAK = {
  redirect: [
    'clients that do not follow redirects, or send requests with a body over plain HTTP, must change to https',
    'where something in front terminates TLS and sends plain HTTP on, they are redirected for ever',
  ],
  weak: ['clients that know nothing newer than TLS 1.1, or only the ciphers taken away, get no connection'],
}
const BY_HAND = {
  hosts: 'name the hosts in spec.tls, with a Secret whose certificate is for them',
  certificate:
    'make the Secret there, of type kubernetes.io/tls (kubectl create secret tls, or a Certificate of cert-manager), or name the one that is',
  redirect:
    'let the routes of that listener do nothing but redirect: a rule with the filter RequestRedirect and scheme https; and attach the application to the listener for TLS by sectionName',
}

export const encryptEntry = (): Remedy<TlsEvidence> =>
  remedy<TlsEvidence>({
    family: 'entry-tls',
    reads: ['Ingress', 'Secret'],
    options: {
      secret: { describe: 'Name of the Secret with the certificate, in the namespace of each Ingress that has no tls' },
    },
    propose({ subject, evidence: { is, edit }, verdict }, { view, options }): Proposal {
      if (edit !== undefined) {
        const to = edit.to
        const change: Edit = to === undefined ? { unset: edit.at } : { set: edit.at, to }
        const summary =
          is === 'weak' ? 'accept nothing older than TLS 1.2 and no broken ciphers' : 'redirect plain HTTP to TLS, or refuse it'
        return {
          changes: [{ type: 'edit', target: subject, edits: [change] }],
          risk: 'may-break',
          summary: `${summary}: ${to === undefined ? `without ${formatPath(edit.at)}` : `${formatPath(edit.at)} becomes ${to}`}`,
          mayBreak: MAY_BREAK[is === 'weak' ? 'weak' : 'redirect'],
        }
      }
      if (verdict === 'review')
        return { byHand: 'ask for each host over plain HTTP and look what answers, and over TLS whose certificate it is' }
      if (is !== 'plain') return { byHand: BY_HAND[is === 'weak' ? 'certificate' : is] }
      const ingress = view.all('Ingress').find((one) => isNamedBy(one, subject))
      return ingress === undefined ? { refused: `${refText(subject)} is not there any more` } : withCertificate(ingress)

      function withCertificate({ metadata, spec = {} }: IngressObject): Proposal {
        const secretName = typeof options['secret'] === 'string' ? options['secret'].trim() : ''
        const namespace = metadata.namespace ?? 'default'
        if (secretName === '')
          return {
            needs: { option: 'secret', question: `Which Secret in namespace ${namespace} holds the certificate for ${refText(subject)}?` },
          }
        const isThere = view.find('Secret', namespace, secretName) !== undefined
        if (!isThere && view.source.kind === 'live' && view.unread('Secret') === undefined)
          return { refused: `there is no Secret ${namespace}/${secretName}: make it first, or let cert-manager make it` }
        const hosts = [...new Set((spec.rules ?? []).flatMap((rule) => rule?.host ?? []))]
        return {
          changes: [
            { type: 'edit', target: subject, edits: [{ set: ['spec', 'tls'], to: [{ ...(hosts.length > 0 && { hosts }), secretName }] }] },
          ],
          risk: 'may-break',
          summary: `serve TLS with the certificate of Secret ${secretName}`,
          mayBreak: [
            ...MAY_BREAK.redirect,
            'a certificate for other names is refused by clients',
            ...(isThere
              ? []
              : ['whether the Secret is there was not seen: without it the controller answers with a certificate of its own']),
          ],
        }
      }
    },
  })
