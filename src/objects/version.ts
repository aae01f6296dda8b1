/** Kubernetes versions as components, images and files write them. */
import { coerce, compare, type SemVer } from 'semver'

/** `v1.37.2`, `1.37`, `v1.33.1-eks-1de2ab1`, `v1.34.3+k3s1`; undefined for anything that does not begin as a 1.x version. */
export function versionOf(text: unknown): SemVer | undefined {
  if (typeof text !== 'string' || !/^v?\d+\.\d+/.test(text)) return undefined
  return coerce(text) ?? undefined
}

/** 37 of `v1.37.2`. */
export function minorOf(text: unknown): number | undefined {
  const version = versionOf(text)
  return version?.major === 1 ? version.minor : undefined
}

/** Negative where a is older. Distribution suffixes do not count. */
export const compareVersions = (a: SemVer, b: SemVer): number => compare(a, b)
