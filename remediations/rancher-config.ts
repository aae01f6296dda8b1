/** k3s and RKE2: what components are given is set in a drop-in of their own configuration file, and counts from the next start of the service on. */
import type { Change, Json } from '../src/model/index.ts'
import { OWN } from '../src/objects/flag-k3s.ts'
import { addsUp } from '../src/objects/flag-kinds.ts'
import type { ComponentInstance } from '../src/objects/flags.ts'
import type { Rancher } from '../src/objects/rancher-settings.ts'
import { kubernetesYaml } from '../src/objects/yaml-write.ts'
import type { Handover } from './handover.ts'

/** Late among the drop-ins; and later still, where one after it takes the place of all before. */
const NAMES = ['90-k8s-harden.yaml', 'zz-k8s-harden.yaml'] as const
export const restartOf = (name: Rancher): string => (name === 'k3s' ? 'systemctl restart k3s' : 'systemctl restart rke2-server')

/** The file to place on every server, with the steps; a note alone where flags only go away. */
export function rancherFile(handover: Handover, name: Rancher): Change {
  const { component, servers } = handover
  const main = `/etc/rancher/${name}/config.yaml`
  const copy = `/root/${name}-config.yaml.before-k8s-harden`
  const key = `${component}-arg`
  const { add, out, lists } = linesOf(handover)
  const places = add.length > 0 || out.length === 0
  const later = servers.flatMap(({ settings }) =>
    settings.filter((one) => one.key === key && !one.adds && one.at.startsWith(`${main}.d/`)).map(({ at }) => at.slice(main.length + 3)),
  )
  const own = NAMES.find((one) => later.every((other) => Buffer.compare(Buffer.from(other), Buffer.from(one)) < 0)) ?? NAMES[1]
  const target = `${main}.d/${own}`
  const content: { [key: string]: Json } = { [`${key}+`]: add }
  const mounts = name === 'rke2' ? mountsOf(handover) : []
  if (mounts.length > 0) content[`${component}-extra-mount+`] = mounts
  const restart = restartOf(name)
  const first = 'on one server node after the other'
  return {
    type: 'file',
    name: `${name}-config.yaml`,
    text: {
      text: places
        ? `# Place as ${target} on every server node; the plus adds to what ${main.slice(main.lastIndexOf('/') + 1)} has.\n${kubernetesYaml(content)}`
        : `# Nothing to place: of ${main} on every server node, under ${key}, take out ${out.join(', ')}\n{}\n`,
    },
    mode: 0o600,
    runbook: [
      ...handover.first,
      ...(places
        ? [`${first}: place ${name}-config.yaml as ${target}: \`install -D -o root -g root -m 0600 ${name}-config.yaml ${target}\``]
        : []),
      ...(places && servers.length === 0
        ? [`\`grep -l '^${key}:' ${main}.d/*\` names no file after ${own}: without the plus it would take the place of this one`]
        : []),
      ...lists.map(
        (flag) =>
          `under ${key} in ${placesOf(handover, flag) || `${main}, or a file of ${main}.d`}, take out ${flag}: it is a list, and what stands there would be added to`,
      ),
      ...(out.length === 0
        ? []
        : [
            `${places ? '' : `${first}: `}\`cp -p ${main} ${copy}\``,
            `take out of ${main}, under ${key}: ${out.join(', ')} (they may stand in a file of ${main}.d or in the service's own arguments too)`,
          ]),
      `\`${restart}\`, and wait until \`kubectl get --raw=/readyz\` says ok before the next node${name === 'rke2' ? '; RKE2 writes its static pods anew at each start, so they are never edited' : ''}`,
      ...handover.verify,
      'scan again: `k8s-harden scan`',
    ],
    rollback: [
      ...handover.undoFirst,
      ...(places ? [`\`rm ${target}\``] : []),
      ...(out.length > 0 ? [`\`cp -p ${copy} ${main}\``] : []),
      `\`${restart}\``,
    ],
  }
}

/** Files that say a flag now, as far as the servers were seen. */
const placesOf = ({ servers, component }: Handover, flag: string): string =>
  [
    ...new Set(
      servers.flatMap(({ settings }) =>
        settings
          .filter(
            ({ key, values }) => key === `${component}-arg` && values.some((value) => value.replace(/^--/, '').startsWith(`${flag}=`)),
          )
          .map(({ at }) => at),
      ),
    ),
  ].join(', ')

/** What to add; flags to take out; and lists of which what stands there must go first, since what is given twice adds up. */
function linesOf({ values, instances, component }: Handover): { add: string[]; out: string[]; lists: string[] } {
  const [add, out, lists]: [string[], string[], string[]] = [[], [], []]
  for (const [flag, value] of Object.entries(values)) {
    if (value === null) {
      if (instances.some(({ flags }) => flags.has(flag))) out.push(flag)
      continue
    }
    const now = addsUp(flag) ? instances.flatMap((one) => givenItems(one, component, flag)) : []
    const wanted = value.split(',')
    if (now.every((item) => wanted.includes(item)))
      add.push(`${flag}=${wanted.filter((item) => !isEverywhere(item, flag, component, instances)).join(',')}`)
    else {
      lists.push(flag)
      add.push(`${flag}=${value}`)
    }
  }
  return { add, out, lists }
}

const isEverywhere = (item: string, flag: string, component: Handover['component'], instances: readonly ComponentInstance[]): boolean =>
  addsUp(flag) && instances.length > 0 && instances.every((one) => givenItems(one, component, flag).includes(item))

/** What the operator gave: the program's own value is left away as soon as he gives one. */
function givenItems({ flags }: ComponentInstance, component: Handover['component'], flag: string): readonly string[] {
  const value = flags.get(flag) ?? ''
  return value === '' || value === OWN[component][flag] ? [] : value.split(',')
}

/** RKE2 mounts files that a flag names, and the directory of its audit log, by itself (pkg/executor/staticpod); other directories only when told. */
function mountsOf({ files, values, component }: Handover): readonly string[] {
  const log = component === 'kube-apiserver' ? values['audit-log-path'] : undefined
  return files
    .filter(({ type, path }) => type.startsWith('Directory') && log?.startsWith(`${path}/`) !== true)
    .map(({ path, readOnly }) => `${path}:${path}${readOnly ? ':ro' : ''}`)
}
