/** YAML that Kubernetes reads as it was meant: text that its dialect would take for a boolean, a number or null (`on`, `0o600`, `1_000`) stands in quotes. */
import { Document, visit } from 'yaml'
import { KUBERNETES_YAML } from './yaml-dialect.ts'

/** Long lines stay whole; a value that occurs twice is written twice. */
export function kubernetesYaml(value: unknown, style: { readonly sortMapEntries?: boolean } = {}): string {
  const document = new Document(value, { aliasDuplicateObjects: false, ...style })
  quoteAmbiguous(document)
  return document.toString({ lineWidth: 0 })
}

/** The same for a document that was put together with comments. */
export function quoteAmbiguous(document: Document): void {
  visit(document, {
    Scalar(_, scalar) {
      if (typeof scalar.value === 'string' && isAmbiguous(scalar.value)) scalar.type = 'QUOTE_DOUBLE'
    },
  })
}
const isAmbiguous = (text: string): boolean => text === '=' || KUBERNETES_YAML.resolveImplicitScalarTag(text).tag.tagName !== STRING
const STRING = 'tag:yaml.org,2002:str'
