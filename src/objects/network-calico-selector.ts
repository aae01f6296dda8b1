/** Calico's selector language: `app == 'web' && has(tier) || !(env in {'dev', 'test'})`. https://docs.tigera.io/calico/latest/reference/resources/networkpolicy#selectors */
type Labels = Readonly<Record<string, string>>
type Matcher = (labels: Labels) => boolean

const TOKEN =
  /\s*(?:(&&|\|\||==|!=|!|\(|\)|\{|\}|,)|"([^"]*)"|'([^']*)'|(not\s+in|starts\s+with|ends\s+with|in|contains)(?=[\s{'"])|((?:all|global|has)(?=\s*\())|([\w./-]+))/y
interface Token {
  readonly text: string
  readonly is: 'sign' | 'word' | 'label' | 'string'
}

function tokens(text: string): Token[] | undefined {
  const found: Token[] = []
  TOKEN.lastIndex = 0
  while (text.slice(TOKEN.lastIndex).trim() !== '') {
    const match = TOKEN.exec(text)
    if (match === null) return undefined
    const [, sign, double, single, operator, call, label] = match
    if (sign !== undefined) found.push({ text: sign, is: 'sign' })
    else if (double !== undefined || single !== undefined) found.push({ text: (double ?? single)!, is: 'string' })
    else if (operator !== undefined || call !== undefined) found.push({ text: (operator ?? call)!.replace(/\s+/, ' '), is: 'word' })
    else found.push({ text: label!, is: 'label' })
  }
  return found
}

/** Undefined where the text is not understood: such a policy must not be taken to select anything. An empty text selects all. */
export function parseCalicoSelector(text: string): Matcher | undefined {
  if (text.trim() === '') return () => true
  const read = tokens(text)
  if (read === undefined) return undefined
  const parser = new Parser(read)
  const matcher = parser.or()
  return parser.isDone ? matcher : undefined
}

/** One method for each level of binding, from loose to tight; undefined as soon as something is not understood. */
class Parser {
  readonly #tokens: readonly Token[]
  #at = 0
  constructor(read: readonly Token[]) {
    this.#tokens = read
  }

  get isDone(): boolean {
    return this.#at === this.#tokens.length
  }

  or(): Matcher | undefined {
    let left = this.#and()
    while (left !== undefined && this.#take('||')) {
      const [a, b]: (Matcher | undefined)[] = [left, this.#and()]
      left = b && ((labels) => a!(labels) || b(labels))
    }
    return left
  }

  #and(): Matcher | undefined {
    let left = this.#not()
    while (left !== undefined && this.#take('&&')) {
      const [a, b]: (Matcher | undefined)[] = [left, this.#not()]
      left = b && ((labels) => a!(labels) && b(labels))
    }
    return left
  }

  #not(): Matcher | undefined {
    if (!this.#take('!')) return this.#term()
    const inner = this.#not()
    return inner && ((labels) => !inner(labels))
  }

  #term(): Matcher | undefined {
    if (this.#take('(')) {
      const inner = this.or()
      return this.#take(')') ? inner : undefined
    }
    if (this.#take('all') || this.#take('global')) return this.#take('(') && this.#take(')') ? () => true : undefined
    if (this.#take('has')) {
      const label = this.#take('(') ? this.#next('label') : undefined
      return label !== undefined && this.#take(')') ? (labels) => Object.hasOwn(labels, label) : undefined
    }
    return this.#comparison()
  }

  #comparison(): Matcher | undefined {
    const label = this.#next('label')
    const operator = this.#tokens[this.#at]?.text
    if (label === undefined || operator === undefined) return undefined
    this.#at++
    if (operator === 'in' || operator === 'not in') {
      const values = this.#set()
      return values && ((labels) => (operator === 'in') === (Object.hasOwn(labels, label) && values.includes(labels[label]!)))
    }
    const value = this.#next('string')
    if (value === undefined) return undefined
    const test = COMPARE[operator]
    return test && ((labels) => test(Object.hasOwn(labels, label) ? labels[label] : undefined, value))
  }

  #set(): string[] | undefined {
    if (!this.#take('{')) return undefined
    const values: string[] = []
    while (!this.#take('}')) {
      const value = this.#next('string')
      if (value === undefined) return undefined
      values.push(value)
      if (!this.#take(',') && this.#tokens[this.#at]?.text !== '}') return undefined
    }
    return values
  }

  #take(text: string): boolean {
    const token = this.#tokens[this.#at]
    if (token === undefined || token.text !== text || token.is === 'string' || token.is === 'label') return false
    this.#at++
    return true
  }

  #next(is: Token['is']): string | undefined {
    const token = this.#tokens[this.#at]
    if (token?.is !== is) return undefined
    this.#at++
    return token.text
  }
}

const COMPARE: Readonly<Record<string, (has: string | undefined, value: string) => boolean>> = {
  '==': (has, value) => has === value,
  '!=': (has, value) => has !== value,
  contains: (has, value) => has?.includes(value) === true,
  'starts with': (has, value) => has?.startsWith(value) === true,
  'ends with': (has, value) => has?.endsWith(value) === true,
}
