/**
 * Settings of k3s and RKE2, one program as far as these go: the files are read in order, a later one takes the place of an earlier one unless
 * its key ends in a plus, and what stands on the command line comes after them all (k3s pkg/configfilearg/parser.go, readConfigFile).
 */
import type { RancherSeen, RancherSetting } from '../model/index.ts'
import { hasValueApart } from './flag-parse.ts'

export type Rancher = RancherSeen['program']

/** Keys that have a say in what components are given; of all others nothing is kept but that they are there. */
const KEPT =
  /^((kube-apiserver|kube-controller-manager|kube-controller|kube-scheduler|etcd|kubelet)-arg|secrets-encryption(-provider)?|profile|audit-policy-file|pod-security-admission-config-file|protect-kernel-defaults|egress-selector-mode|data-dir|disable-(agent|apiserver|controller-manager|scheduler|etcd))$/

const SHORT: Readonly<Record<string, string>> = { d: 'data-dir', c: 'config', t: 'token' }

/** The settings of one configuration file, in its order; its content is what its YAML comes to. */
export const settingsOfFile = (at: string, content: Readonly<Record<string, unknown>>): readonly RancherSetting[] =>
  Object.entries(content).map(([name, value]) =>
    setting(at, name.replace(/\+$/, ''), name.endsWith('+'), (Array.isArray(value) ? value : [value]).map(textOf)),
  )
const textOf = (value: unknown): string => (value === null || value === undefined ? '' : String(value))

/** Those of the words after `server` or `agent` on the command line of the service. */
export function settingsOfWords(at: string, words: readonly string[]): readonly RancherSetting[] {
  const settings: RancherSetting[] = []
  for (let index = 0; index < words.length; index++) {
    const [, name, value] = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(words[index]!) ?? []
    if (name === undefined) continue
    // What components are given may begin with dashes itself.
    const isApart = name.endsWith('-arg') ? index + 1 < words.length : hasValueApart(words, index)
    const values = [value ?? (isApart ? words[++index]! : 'true')]
    settings.push({ ...setting(at, SHORT[name] ?? name, true, values), isUnit: true })
  }
  return settings
}

const setting = (at: string, key: string, adds: boolean, values: readonly string[]): RancherSetting => ({
  at,
  key,
  adds,
  values: KEPT.test(key) ? values : [],
})

/** What a key that may be given many times comes to, in order. */
export function valuesOf(settings: readonly RancherSetting[], key: string): readonly string[] {
  let all: readonly string[] = []
  for (const one of settings) if (one.key === key) all = one.adds ? all.concat(one.values) : one.values
  return all
}

/** What a key with one value comes to: the last one. */
export const lastOf = (settings: readonly RancherSetting[], key: string): string | undefined => valuesOf(settings, key).at(-1)

/** Of keys that are on or off; undefined where it is not said. */
export function isSet(settings: readonly RancherSetting[], key: string): boolean | undefined {
  const value = lastOf(settings, key)
  return value === undefined ? undefined : ['true', 't', '1', ''].includes(value.toLowerCase())
}
