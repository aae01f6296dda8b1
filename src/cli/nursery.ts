import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

const WANTED_BYTES = 4e6

/**
 * A scan makes garbage as fast as objects arrive. Left alone, V8 answers by growing its nursery to 2 × 64 MB and keeps it, which
 * doubles the peak; held at its first size (1 MB) a quarter of the time goes into collecting it. So it is grown once, on purpose, by a
 * burst of short-lived objects, and then held (docs/benchmarks.md). The flags take effect at run time; there is no API for this.
 */
export function sizeNursery(): void {
  setFlagsFromString('--semi-space-growth-factor=8')
  const burst: object[] = []
  for (let round = 0; round < 64 && nurseryBytes() < WANTED_BYTES; round++) {
    for (let index = 0; index < 8000; index++) burst.push({ index })
  }
  setFlagsFromString('--semi-space-growth-factor=1')
}

const nurseryBytes = (): number =>
  getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? Number.POSITIVE_INFINITY
