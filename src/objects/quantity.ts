/** Kubernetes quantities (k8s.io/apimachinery resource.Quantity): `100m`, `64Mi`, `1e3`, or a bare number. */

const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}
const QUANTITY = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/

/** In the base unit (bytes, cores, pieces); undefined for what the API server would not take. */
export function quantityOf(text: unknown): number | undefined {
  const [, number, exponent, suffix = ''] = QUANTITY.exec(String(text ?? '')) ?? []
  if (number === undefined) return undefined
  return Number(number) * (exponent === undefined ? SUFFIXES[suffix]! : 10 ** Number(exponent))
}
