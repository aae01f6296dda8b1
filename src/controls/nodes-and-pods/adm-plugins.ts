import { protectivePlugins } from '../../../remediations/admission-plugins.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark, Severity, View } from '../../model/index.ts'
import { isDangerousPlugin, isProtectivePlugin, pluginLists, removedPlugins } from '../../objects/admission-plugins.ts'
import { shownByOne } from '../../objects/api-servers.ts'
import { CONTROL_PLANE, type ComponentInstance, componentFlags, FLAG_LADDER, flagFinding, serverMinor } from '../../objects/flags.ts'

interface Evidence {
  readonly plugin: string
  /** By --admission-control, which names all that run. */
  readonly older?: true
}
/** Without these two, namespaces that are going take objects in and pods run without a service account. */
const GRAVE = new Set(['ServiceAccount', 'NamespaceLifecycle'])

export default control({
  title: 'Admission plugins that protect must be on, and those that undo protection off',
  severity: 'medium',
  why: 'Admission plugins are what stands between an allowed request and the store. One that is switched off takes its rules with it for everybody, and nothing else says so.',
  references: [
    ...['1.2.3', '1.2.9', '1.2.10', '1.2.11', '1.2.12', '1.2.13', '1.2.14'].map((section) => ({ standard: 'CIS' as const, section })),
    ...['C-0121', 'C-0122', 'C-0123', 'C-0125', 'C-0126', 'C-0127', 'C-0283'].map((section) => ({ standard: 'KS' as const, section })),
  ],
  reads: [],
  consults: [...FLAG_LADDER, 'ApiServerMetrics'],
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    const { instances, unknown, remarks } = componentFlags(view, 'kube-apiserver')
    for (const instance of instances) yield* judge(instance, serverMinor(view))
    yield* remarks
    if (instances.length === 0) yield* byMetrics(view, unknown!)
  },
  remedy: protectivePlugins(),
  verify: 'The metric apiserver_admission_controller_admission_duration_seconds_count has a series for each plugin that is on.',
})

function* judge(instance: ComponentInstance, minor: number | undefined): Iterable<Observation<Evidence> | Remark> {
  const { enabled, disabled, older } = pluginLists(instance)
  const found = (named: string, plugin: string, reason: string, severity?: Severity): Observation<Evidence> => {
    const flag = older ? 'admission-control' : named
    const where = flagFinding(instance, flag)
    return {
      ...where,
      key: `${where.key} ${plugin}`,
      reason,
      detail: `--${flag} ${older && named === 'disable-admission-plugins' ? 'leaves out' : 'names'} ${plugin} in ${instance.name}`,
      ...(severity !== undefined && { severity }),
      evidence: { plugin, ...(older && { older }) },
    }
  }
  for (const plugin of enabled) {
    if (isDangerousPlugin(plugin))
      yield found('enable-admission-plugins', plugin, 'runs an admission plugin that is there for tests only', 'critical')
    if (removedPlugins(minor).has(plugin))
      yield found('enable-admission-plugins', plugin, 'names an admission plugin that its version does not have, so that it does not start')
  }
  for (const plugin of disabled)
    if (isProtectivePlugin(plugin))
      yield found(
        'disable-admission-plugins',
        plugin,
        'has a protective admission plugin switched off',
        GRAVE.has(plugin) ? 'high' : undefined,
      )
  if (!enabled.includes('AlwaysPullImages'))
    yield {
      note: 'AlwaysPullImages is off (CIS 1.2.10): advice for clusters that tenants share, since every start then needs the registry',
    }
}

/** A plugin that was asked is counted. One that was not asked yet is not, so that only what is there proves anything. */
function* byMetrics(
  view: View<(typeof FLAG_LADDER)[number] | 'ApiServerMetrics'>,
  unknown: { readonly unknown: string; readonly answer: string },
): Iterable<Observation<Evidence> | Remark> {
  const counted = new Set(
    (view.fact('ApiServerMetrics')?.samples ?? [])
      .filter(({ name, value }) => name === 'apiserver_admission_controller_admission_duration_seconds_count' && value > 0)
      .map(({ labels }) => labels['name'] ?? ''),
  )
  for (const plugin of [...counted].filter(isDangerousPlugin))
    yield {
      subject: CONTROL_PLANE,
      key: plugin,
      origin: 'workload',
      reason: 'runs an admission plugin that is there for tests only',
      detail: `the API server counts requests that ${plugin} was asked about`,
      severity: 'critical',
      evidence: { plugin },
    }
  const missing = [...GRAVE].filter((plugin) => !counted.has(plugin))
  if (missing.length > 0) yield unknown
  else
    yield shownByOne(
      view,
      `evidence E3: the API server counts requests that ${[...GRAVE].join(' and ')} were asked about; other plugins were not judged`,
    )
}
