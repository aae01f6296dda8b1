/** Whether the API servers look a token's Secret up at all. */
import { distribution } from './distribution.ts'
import { componentFlags, type FlagView, isOn, serverMinor } from './flags.ts'

/**
 * `off`: at least one does not. Then a token of a Secret is good for as long as its signature is: neither the label that switches it off
 * counts, nor that the Secret, or its account, is deleted; and no use of it is recorded (k8s.io/kubernetes pkg/serviceaccount/legacy.go).
 * `unseen`: no flags were seen where somebody may have set them; on is the default, and what providers run.
 */
export function tokenLookup(view: FlagView): 'on' | 'off' | 'unseen' {
  const { instances, remarks } = componentFlags(view, 'kube-apiserver')
  if (instances.some((instance) => !isOn(instance, 'service-account-lookup', serverMinor(view)))) return 'off'
  const { managed, certain } = distribution(view)
  if (managed && certain) return 'on'
  return instances.length > 0 && !remarks.some((remark) => 'unknown' in remark) ? 'on' : 'unseen'
}

/** Are tokens that kubelets get for pods good for a year (the default), so that programs which never read them again go on working? */
export function extendsTokens(view: FlagView): boolean {
  const { instances } = componentFlags(view, 'kube-apiserver')
  return instances.every((instance) => isOn(instance, 'service-account-extend-token-expiration', serverMinor(view)))
}
