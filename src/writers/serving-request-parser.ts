/** What reads PKCS#10, to be loaded when it is needed: named here, since a CommonJS package that is imported late has no names once bundled. */
import 'reflect-metadata'

export { Name, Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from '@peculiar/x509'
