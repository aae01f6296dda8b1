import type { View } from '../model/index.ts'

/**
 * Requests that came with a projected token past the time its pod was told (KEP-1205), at the API server that answered and since it
 * started: whoever sends them does not read its token again. Undefined where that is not known.
 */
export const staleTokens = (view: View<'ApiServerMetrics'>): number | undefined =>
  view.fact('ApiServerMetrics')?.samples.find(({ name }) => name === 'serviceaccount_stale_tokens_total')?.value
