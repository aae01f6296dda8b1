/** Sets of small numbers, one bit for each. Missing words are zero, so that a set can be shorter than the one beside it. */
export class Bits {
  words: Uint32Array

  constructor(words: Uint32Array = new Uint32Array(4)) {
    this.words = words
  }
  /** All numbers below `size`. */
  static below(size: number): Bits {
    const words = new Uint32Array((size + 31) >>> 5).fill(0xffffffff)
    if ((size & 31) !== 0) words[words.length - 1] = (1 << (size & 31)) - 1
    return new Bits(words)
  }

  has(number: number): boolean {
    const word = number >>> 5
    return word < this.words.length && (this.words[word]! & (1 << (number & 31))) !== 0
  }
  add(number: number): void {
    const word = number >>> 5
    if (word >= this.words.length) {
      const longer = new Uint32Array(Math.max(word + 1, Math.ceil(this.words.length * 1.5)))
      longer.set(this.words)
      this.words = longer
    }
    this.words[word]! |= 1 << (number & 31)
  }
  copy(): Bits {
    return new Bits(this.words.slice())
  }
  /** Adds all of another set, which is no longer than this one. */
  take({ words: other }: Bits): void {
    const own = this.words
    const length = Math.min(own.length, other.length)
    for (let at = 0; at < length; at++) own[at]! |= other[at]!
  }
  or({ words: other }: Bits): Bits {
    const [long, short] = other.length > this.words.length ? [other, this.words] : [this.words, other]
    const made = long.slice()
    for (let at = 0; at < short.length; at++) made[at]! |= short[at]!
    return new Bits(made)
  }
  /** Undefined where they have nothing in common. */
  and({ words: other }: Bits): Bits | undefined {
    const own = this.words
    const length = Math.min(own.length, other.length)
    let at = 0
    while (at < length && (own[at]! & other[at]!) === 0) at++
    if (at === length) return undefined
    const made = new Uint32Array(length)
    for (; at < length; at++) made[at] = own[at]! & other[at]!
    return new Bits(made)
  }
  /** Undefined where nothing is left. */
  without({ words: other }: Bits): Bits | undefined {
    const made = this.words.slice()
    const length = Math.min(made.length, other.length)
    for (let at = 0; at < length; at++) made[at]! &= ~other[at]!
    return made.every((word) => word === 0) ? undefined : new Bits(made)
  }
  /** How many of these are in the other set too. */
  sizeAmong({ words: other }: Bits): number {
    const own = this.words
    const length = Math.min(own.length, other.length)
    let count = 0
    for (let at = 0; at < length; at++) {
      let word = own[at]! & other[at]!
      word -= (word >>> 1) & 0x55555555
      word = (word & 0x33333333) + ((word >>> 2) & 0x33333333)
      count += Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
    }
    return count
  }
  *[Symbol.iterator](): Generator<number> {
    for (let at = 0; at < this.words.length; at++)
      for (let word = this.words[at]!; word !== 0; word &= word - 1) yield at * 32 + 31 - Math.clz32(word & -word)
  }
}
