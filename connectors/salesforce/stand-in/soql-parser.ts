import { malformed } from './errors.ts'

export interface SoqlQuery {
  /** Paths: `['Owner', 'Name']`. Null: COUNT(). */
  fields: string[][] | null
  from: string
  where: Condition | null
  orderBy: { path: string[]; isDescending: boolean }[]
  limit: number | null
}

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=' | 'LIKE'

export type Condition =
  | { kind: 'all' | 'any'; of: Condition[] }
  | { kind: 'not'; of: Condition }
  | { kind: 'compare'; path: string[]; operator: Operator; value: Literal }
  | { kind: 'in'; path: string[]; isNegated: boolean; values: Literal[] | SoqlQuery }

export type Literal =
  | { type: 'string'; value: string }
  /** Parts of a LIKE: texts, `%` and `_`. */
  | { type: 'pattern'; parts: (string | { any: '%' | '_' })[] }
  | { type: 'number'; value: number }
  | { type: 'boolean'; value: boolean }
  | { type: 'date' | 'datetime'; value: string }
  | { type: 'null' }

type Token =
  | { kind: 'word' | 'symbol' | 'literal'; text: string; at: number }
  | { kind: 'string'; text: string; at: number }
  | { kind: 'end'; text: ''; at: number }

/** A part of SOQL that refuses what Salesforce refuses. @throws {ApiError} MALFORMED_QUERY */
export function parseSoql(soql: string): SoqlQuery {
  const parser = new Parser(tokensOf(soql))
  const query = parser.query()
  parser.expectEnd()
  return query
}

function tokensOf(soql: string): Token[] {
  const tokens: Token[] = []
  const pattern =
    /\s+|(?<string>'(?:[^'\\]|\\[\s\S])*')|(?<literal>\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))?|-?\d+(?:\.\d+)?)(?![\w.])|(?<word>[A-Za-z]\w*(?:\.\w+)*)|(?<symbol><=|>=|!=|<>|[=<>(),])/y
  let at = 0
  while (at < soql.length) {
    pattern.lastIndex = at
    const found = pattern.exec(soql)
    if (!found) throw malformed(`line 1:${at} no viable alternative at character '${soql[at]}'`)
    for (const kind of ['string', 'literal', 'word', 'symbol'] as const) {
      const text = found.groups?.[kind]
      if (text !== undefined) tokens.push({ kind, text, at })
    }
    at = pattern.lastIndex
  }
  tokens.push({ kind: 'end', text: '', at })
  return tokens
}

class Parser {
  readonly #tokens: Token[]
  #at = 0

  constructor(tokens: Token[]) {
    this.#tokens = tokens
  }

  query(): SoqlQuery {
    this.#expectWord('SELECT')
    const fields = this.#fields()
    this.#expectWord('FROM')
    const from = this.#word()
    const where = this.#takeWord('WHERE') ? this.#condition() : null
    const orderBy = this.#takeWord('ORDER') ? this.#orderBy() : []
    const limit = this.#takeWord('LIMIT') ? this.#count() : null
    return { fields, from, where, orderBy, limit }
  }

  expectEnd() {
    if (this.#peek.kind !== 'end') this.#unexpected()
  }

  #fields(): string[][] | null {
    const first = this.#word()
    if (first.toUpperCase() === 'COUNT' && this.#takeSymbol('(')) {
      this.#expectSymbol(')')
      return null
    }
    const fields = [first]
    while (this.#takeSymbol(',')) fields.push(this.#word())
    const repeated = fields.find((field, at) =>
      fields.slice(0, at).some((other) => other.toLowerCase() === field.toLowerCase()),
    )
    if (repeated) throw malformed(`duplicate field selected: ${repeated}`)
    return fields.map((field) => field.split('.'))
  }

  #orderBy() {
    this.#expectWord('BY')
    const order: SoqlQuery['orderBy'] = []
    do {
      const path = this.#word().split('.')
      const isDescending = this.#takeWord('DESC')
      if (!isDescending) this.#takeWord('ASC')
      if (this.#takeWord('NULLS') && !this.#takeWord('LAST')) this.#expectWord('FIRST')
      order.push({ path, isDescending })
    } while (this.#takeSymbol(','))
    return order
  }

  #count(): number {
    const token = this.#next()
    if (token.kind !== 'literal' || !/^\d+$/.test(token.text)) this.#unexpected(token)
    return Number(token.text)
  }

  /** AND and OR side by side need parentheses, as in Salesforce. */
  #condition(): Condition {
    const of = [this.#term()]
    const word = ['AND', 'OR'].find((joint) => this.#isWord(joint))
    if (!word) return of[0] as Condition
    while (this.#takeWord(word)) of.push(this.#term())
    if (this.#isWord('AND') || this.#isWord('OR')) this.#unexpected()
    return { kind: word === 'AND' ? 'all' : 'any', of }
  }

  #term(): Condition {
    if (this.#takeWord('NOT')) return { kind: 'not', of: this.#term() }
    if (this.#takeSymbol('(')) {
      const condition = this.#condition()
      this.#expectSymbol(')')
      return condition
    }
    const path = this.#word().split('.')
    if (this.#takeWord('NOT')) {
      this.#expectWord('IN')
      return { kind: 'in', path, isNegated: true, values: this.#values() }
    }
    if (this.#takeWord('IN')) return { kind: 'in', path, isNegated: false, values: this.#values() }
    if (this.#takeWord('LIKE')) return { kind: 'compare', path, operator: 'LIKE', value: this.#literal(true) }
    const symbol = this.#next()
    const operator = symbol.text === '<>' ? '!=' : symbol.text
    if (symbol.kind !== 'symbol' || !/^(=|!=|<|<=|>|>=)$/.test(operator)) this.#unexpected(symbol)
    return { kind: 'compare', path, operator: operator as Operator, value: this.#literal(false) }
  }

  #values(): Literal[] | SoqlQuery {
    this.#expectSymbol('(')
    if (this.#isWord('SELECT')) {
      const query = this.query()
      this.#expectSymbol(')')
      return query
    }
    const values = [this.#literal(false)]
    while (this.#takeSymbol(',')) values.push(this.#literal(false))
    this.#expectSymbol(')')
    return values
  }

  #literal(isPattern: boolean): Literal {
    const token = this.#next()
    if (token.kind === 'string')
      return isPattern
        ? { type: 'pattern', parts: partsOf(token.text.slice(1, -1)) }
        : { type: 'string', value: partsOf(token.text.slice(1, -1), false).join('') }
    if (isPattern) this.#unexpected(token)
    if (token.kind === 'literal') {
      if (/^-?\d+(\.\d+)?$/.test(token.text)) return { type: 'number', value: Number(token.text) }
      return { type: token.text.includes('T') ? 'datetime' : 'date', value: token.text }
    }
    if (token.kind === 'word') {
      const word = token.text.toLowerCase()
      if (word === 'null') return { type: 'null' }
      if (word === 'true' || word === 'false') return { type: 'boolean', value: word === 'true' }
    }
    return this.#unexpected(token)
  }

  get #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', at: 0 }
  }

  #next(): Token {
    const token = this.#peek
    this.#at += 1
    return token
  }

  #word(): string {
    const token = this.#next()
    return token.kind === 'word' ? token.text : this.#unexpected(token)
  }

  #isWord(word: string) {
    return this.#peek.kind === 'word' && this.#peek.text.toUpperCase() === word
  }

  #takeWord(word: string): boolean {
    const isIt = this.#isWord(word)
    if (isIt) this.#at += 1
    return isIt
  }

  #expectWord(word: string) {
    if (!this.#takeWord(word)) this.#unexpected()
  }

  #takeSymbol(symbol: string): boolean {
    const isIt = this.#peek.kind === 'symbol' && this.#peek.text === symbol
    if (isIt) this.#at += 1
    return isIt
  }

  #expectSymbol(symbol: string) {
    if (!this.#takeSymbol(symbol)) this.#unexpected()
  }

  #unexpected(token = this.#peek): never {
    throw malformed(`unexpected token: '${token.text || '<EOF>'}' at ${token.at}`)
  }
}

const escapes: Record<string, string> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
  '"': '"',
  "'": "'",
  '\\': '\\',
}

/** https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm */
function partsOf(quoted: string, isPattern?: true): (string | { any: '%' | '_' })[]
function partsOf(quoted: string, isPattern: false): string[]
function partsOf(quoted: string, isPattern = true) {
  const parts: (string | { any: '%' | '_' })[] = []
  for (let at = 0; at < quoted.length; at++) {
    const letter = quoted[at] as string
    if (letter === '\\') {
      at += 1
      const escaped = quoted[at] ?? ''
      const code = /^u([0-9a-f]{4})/i.exec(quoted.slice(at))?.[1]
      if (code) {
        parts.push(String.fromCharCode(Number.parseInt(code, 16)))
        at += 4
      } else if (isPattern && (escaped === '%' || escaped === '_')) parts.push(escaped)
      else if (escaped.toLowerCase() in escapes) parts.push(escapes[escaped.toLowerCase()] as string)
      else throw malformed(`Invalid string literal: illegal escape sequence '\\${escaped}'`)
    } else if (isPattern && (letter === '%' || letter === '_')) parts.push({ any: letter })
    else if (letter === '\n' || letter === '\r')
      throw malformed('line breaks are not allowed in string literals')
    else parts.push(letter)
  }
  return parts
}
