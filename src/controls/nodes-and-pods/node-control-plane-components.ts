import { type ComponentEvidence, hardenComponent } from '../../../remediations/component-flags.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { componentScrapers } from '../../objects/component-scrapers.ts'
import { type ComponentInstance, componentFlags, effectiveFlag, FLAG_LADDER, flagFinding, isOn, serverMinor } from '../../objects/flags.ts'
import { integerOf } from '../../objects/go-integer.ts'

const COMPONENTS = ['kube-controller-manager', 'kube-scheduler'] as const

export default control({
  title: 'The controller manager and the scheduler must listen on the node alone, and controllers must have their own accounts',
  severity: 'medium',
  why: 'Both answer on every address of the node unless they are told not to, for nobody but the kubelet beside them. Controllers that share one account all have the rights of the strongest.',
  references: [
    ...['1.3.1', '1.3.3', '1.3.7', '1.4.2'].map((section) => ({ standard: 'CIS' as const, section })),
    ...['C-0144', 'C-0146', 'C-0150', 'C-0152'].map((section) => ({ standard: 'KS' as const, section })),
  ],
  reads: [],
  consults: [...FLAG_LADDER, 'Service'],
  *evaluate(view): Iterable<Observation<ComponentEvidence> | Remark> {
    const minor = serverMinor(view)
    for (const component of COMPONENTS) {
      const { instances, unknown, remarks } = componentFlags(view, component)
      for (const instance of instances) {
        yield* listening(instance, minor, componentScrapers(view, component))
        if (component === 'kube-controller-manager') yield* controllers(instance, minor)
      }
      yield* remarks
      if (unknown !== undefined) yield unknown
    }
  },
  remedy: hardenComponent,
  verify: 'From another machine, a connection to port 10257 or 10259 of the node is refused; leader election goes on.',
})

function* listening(
  instance: ComponentInstance,
  minor: number | undefined,
  scrapers: readonly string[],
): Iterable<Observation<ComponentEvidence>> {
  // With port 0 it serves nothing at all.
  if (instance.flags.get('secure-port') === '0') return
  const { value, from } = effectiveFlag(instance, 'bind-address', minor)
  if (value !== undefined && isLoopback(value)) return
  const said = from === 'set' ? `--bind-address=${value}` : `--bind-address is not set, which means ${value}`
  const isScraped = scrapers.length > 0
  yield {
    ...flagFinding(instance, 'bind-address'),
    reason: isScraped ? 'listens on every address of the node, and is scraped there' : 'listens on every address of the node',
    detail: `${said} in ${instance.name}${isScraped ? `; ${scrapers.join(', ')} leads to it: see that a firewall keeps everybody else out` : ''}`,
    evidence: { component: instance.component, flag: 'bind-address', to: '127.0.0.1' },
    ...(isScraped && { verdict: 'review' as const }),
  }
}

function* controllers(instance: ComponentInstance, minor: number | undefined): Iterable<Observation<ComponentEvidence>> {
  const on = (flag: string, reason: string, to: string): Observation<ComponentEvidence> => ({
    ...flagFinding(instance, flag),
    reason,
    detail: `--${flag}=${effectiveFlag(instance, flag, minor).value} in ${instance.name}`,
    evidence: { component: instance.component, flag, to },
  })
  if (!isOn(instance, 'use-service-account-credentials', minor))
    yield on('use-service-account-credentials', 'runs all controllers with one account', 'true')
  const kept = integerOf(effectiveFlag(instance, 'terminated-pod-gc-threshold', minor).value) ?? 0
  if (!(kept > 0)) yield { ...on('terminated-pod-gc-threshold', 'never clears away pods that are over', '12500'), severity: 'low' }
}

/** The flag takes an IP address, no name. IPv4 inside IPv6 counts as itself. */
const isLoopback = (address: string): boolean => /^(::ffff:)?127\.\d+\.\d+\.\d+$/i.test(address) || address === '::1'
