/** What a value looks like: something random, or a stand-in for what is filled in elsewhere. */

/** A literal, not a reference that something fills in, and not something that is encrypted. */
export const isLiteral = (value: string): boolean => value !== '' && !PLACEHOLDER.test(value) && !REFERENCE.test(value)
const PLACEHOLDER =
  /\$[({]|\{\{|^["']?\$[A-Za-z_]\w*["']?$|^<.*>$|^%\w+%$|^%\{.*\}$|^@[\w.-]+@$|^\*+$|^x{3,}$|^(redacted|changeit)$|^ENC[[(]|^\{cipher\}/i
/** Into a store: `vault:secret/data/app#key`, `secret/data/app`, `arn:aws:secretsmanager:…`, `ref+sops://…`, `projects/p/secrets/s`. */
const REFERENCE =
  /^(>>)?(vault|bao|ref\+[a-z]+|op|ssm|aws-?(sm|ssm|secrets?-?manager)|gcp|gcp-?sm|gcpsecretmanager|azure-?kv|azurekeyvault|sops|conjur|doppler|secret-?ref|secretref|k8s|kubernetes)(:|\+)\S|^arn:aws[a-z-]*:(secretsmanager|ssm|kms):|^projects\/[^/]+\/secrets\/|^(kv|secrets?)\/[\w./-]+$/i

/** Three kinds of characters, or much of two: not a word, not the name of a Kubernetes object. */
export function looksRandom(value: string): boolean {
  if (/^[a-z0-9]+([-.][a-z0-9]+)+$/.test(value)) return false
  const classes = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9_.-]/].filter((one) => one.test(value)).length
  return (
    classes >= 3 ||
    (classes === 2 && value.length >= 16 && entropy(value) >= 3.2) ||
    (/^[0-9a-f]{24,}$/i.test(value) && entropy(value) >= 2.5)
  )
}

/** Shannon entropy in bits a character. */
export function entropy(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  return counts.values().reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0)
}
