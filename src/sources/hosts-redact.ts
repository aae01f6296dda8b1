import { isMap, isPair, isScalar, parseAllDocuments, visit } from 'yaml'
import { standIn } from '../objects/key-stand-in.ts'
import type { FoundObject } from './manifests-parse.ts'

/**
 * The text of an EncryptionConfiguration with a stand-in for every key, lines and comments kept; undefined where that is not certain (then there is
 * no text to show).
 */
export function withoutKeysInText(text: string): string | undefined {
  const spans: { readonly start: number; readonly end: number; readonly with: string }[] = []
  for (const document of parseAllDocuments(text)) {
    if (!('errors' in document) || document.errors.length > 0) return undefined
    let certain = true
    visit(document, {
      Alias: () => {
        certain = false
      },
      Pair: (_, pair) => {
        if (!isPair(pair) || !isScalar(pair.key) || pair.key.value !== 'secret') return
        const { value } = pair
        if (!isScalar(value) || typeof value.value !== 'string' || value.range == null || /[|>]/.test(text[value.range[0]] ?? '')) {
          certain = isMap(value) ? certain : false
          return
        }
        spans.push({ start: value.range[0], end: value.range[1], with: JSON.stringify(standIn(value.value)) })
      },
    })
    if (!certain) return undefined
  }
  const shown = spans.toReversed().reduce((now, span) => now.slice(0, span.start) + span.with + now.slice(span.end), text)
  return shown.replaceAll(COMMENT, (comment) => comment.replaceAll(BASE64, standIn))
}
/** Keys that were commented out are keys. */
const COMMENT = /(^|\s)#.*$/gm
const BASE64 = /[A-Za-z0-9+/]{21,}={0,2}/g

/** Never what could be used: kubeconfigs hold keys, and a kubelet may be given headers with tokens. */
export function shown(objects: readonly FoundObject[], text: string): string | undefined {
  const kinds = new Set(objects.map(({ kind }) => kind))
  if (kinds.size === 0 || kinds.has('Kubeconfig') || kinds.has('Secret') || /staticPodURLHeader/.test(text)) return undefined
  return kinds.has('EncryptionConfiguration') ? withoutKeysInText(text) : text
}
