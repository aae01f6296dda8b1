/** Facts about who refuses pods. */
import type { Json } from './names.ts'

export interface GatekeeperConstraint {
  readonly kind: string
  readonly name: string
  /** `deny`, `dryrun`, `warn` or `scoped`; what is absent is `deny`. */
  readonly enforcementAction: string
  readonly match: { readonly [key: string]: Json }
  readonly parameters: { readonly [key: string]: Json }
  /** Does Gatekeeper's webhook say, in the status, that it enforces it as it stands? Absent where there is no status (in files). */
  readonly enforced?: boolean
  /** It was too large to keep: match and parameters are empty, and mean nothing. */
  readonly cut?: true
}

/** Asked of a namespace that runs something and has no Pod Security label to enforce. */
export interface PodSecurityAnswer {
  readonly namespace: string
  /** `refused`: by Pod Security admission itself. `unclear`: by anything else, which says nothing of a level. */
  readonly is: 'admitted' | 'refused' | 'unclear'
  /** By which level, of which version (`latest`, `v1.37`). */
  readonly level?: 'baseline' | 'restricted'
  readonly version?: string
  /** The webhook or policy that refused. */
  readonly engine?: string
}
