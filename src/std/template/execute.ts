import { type Call, type Control, type Node, type Operand, type Parsed, type Pipe, show } from "./ast.ts"
import { type Functions, fits, type Parameter, type TemplateFunction, wantedType } from "./functions.ts"
import { lineOf, TemplateError } from "./lex.ts"
import { GoMap, isList, isTrue, print, Struct, Subject, typeName, type Value } from "./value.ts"

export interface Execution {
  readonly functions: Functions
  /** What an absent key of a map does: prints `<no value>`, or fails. */
  readonly missingKey: "noValue" | "error"
  /** Data of no static type: errors call every type `interface {}`. */
  readonly untyped?: boolean
}

/** A failure in the midst of a template; `partial` is what had been printed until then. */
export class ExecutionError extends TemplateError {
  readonly partial: string
  constructor(message: string, partial: string) {
    super(message)
    this.partial = partial
  }
}

interface Variable {
  readonly name: string
  value: Value
}

const none = Symbol("no piped value")
type Piped = Value | typeof none
type Flow = "break" | "continue" | undefined
const depthLimit = 1000

/** Executes a parsed template over `data`. @throws ExecutionError in Go's words */
export function execute(parsed: Parsed, data: Value, options: Execution): string {
  return new Executor(parsed, data, options).run()
}

class Executor {
  readonly #parsed: Parsed
  readonly #data: Value
  readonly #options: Execution
  #variables: Variable[]
  #printed = ""
  #at: Operand | Call | Node | undefined
  #depth = 0

  constructor(parsed: Parsed, data: Value, options: Execution) {
    this.#parsed = parsed
    this.#data = data
    this.#options = options
    this.#variables = [{ name: "$", value: data }]
  }

  run(): string {
    this.#nodes(this.#parsed.body, this.#data)
    return this.#printed
  }

  #fail(message: string): ExecutionError {
    const node = this.#at
    if (!node) return new ExecutionError(`template: : ${message}`, this.#printed)
    const before = this.#parsed.text.slice(0, node.pos)
    const column = Buffer.byteLength(before.slice(before.lastIndexOf("\n") + 1))
    const place = `:${lineOf(this.#parsed.text, node.pos)}:${column}`
    return new ExecutionError(`template: ${place}: executing "" at <${show(node)}>: ${message}`, this.#printed)
  }

  #nodes(nodes: readonly Node[], dot: Value): Flow {
    for (const node of nodes) {
      const flow = this.#node(node, dot)
      if (flow) return flow
    }
    return undefined
  }

  #node(node: Node, dot: Value): Flow {
    this.#at = node
    switch (node.kind) {
      case "text":
        this.#printed += node.text
        return undefined
      case "action": {
        const value = this.#pipe(node.pipe, dot)
        if (node.pipe.variables.length === 0) this.#printed += this.#text(value)
        return undefined
      }
      case "break":
      case "continue":
        return node.kind
      case "template":
        return this.#template(node, dot)
      case "range":
        return this.#scoped(() => this.#range(node, dot))
      default:
        return this.#scoped(() => {
          const value = this.#pipe(node.pipe, dot)
          if (isTrue(value)) return this.#nodes(node.body, node.kind === "with" ? value : dot)
          return node.otherwise ? this.#nodes(node.otherwise, dot) : undefined
        })
    }
  }

  #text(value: Value): string {
    return value === undefined || (value === null && this.#options.untyped) ? "<no value>" : print(value)
  }

  #scoped<T>(work: () => T): T {
    const known = this.#variables.length
    try {
      return work()
    } finally {
      this.#variables.length = known
    }
  }

  #template(node: Extract<Node, { kind: "template" }>, dot: Value): Flow {
    const body = this.#parsed.defined.get(node.name)
    if (!body) throw this.#fail(`template ${JSON.stringify(node.name)} not defined`)
    if (++this.#depth > depthLimit) throw this.#fail(`exceeded maximum template depth (${depthLimit})`)
    const value = node.pipe ? this.#pipe(node.pipe, dot) : undefined
    const outer = this.#variables
    this.#variables = [{ name: "$", value }]
    this.#nodes(body, value)
    this.#variables = outer
    this.#depth--
    return undefined
  }

  #range(node: Control, dot: Value): Flow {
    const value = this.#pipe({ ...node.pipe, variables: [] }, dot)
    const rounds = this.#rounds(value)
    if (rounds.length === 0) return node.otherwise ? this.#nodes(node.otherwise, dot) : undefined
    const names = node.pipe.variables
    for (const [key, item] of rounds) {
      const flow = this.#scoped(() => {
        const values = names.length === 2 ? [key, item] : [item]
        names.forEach((name, index) => {
          this.#set(name, values[index], node.pipe.assigns)
        })
        return this.#nodes(node.body, item)
      })
      if (flow === "break") break
    }
    return undefined
  }

  #rounds(value: Value): readonly (readonly [Value, Value])[] {
    if (value === undefined || (value === null && this.#options.untyped)) return []
    if (isList(value)) return value.map((item, index) => [index, item])
    if (value instanceof GoMap) return value.keys.map((key) => [key, value.entries.get(key)])
    if (typeof value === "number" && Number.isInteger(value))
      return Array.from({ length: Math.max(0, value) }, (_, index) => [index, index])
    throw this.#fail(`range can't iterate over ${print(value)}`)
  }

  #set(name: string, value: Value, assigns: boolean): void {
    const known = assigns ? this.#variables.findLast((variable) => variable.name === name) : undefined
    if (known) known.value = value
    else this.#variables.push({ name, value })
  }

  #pipe(pipe: Pipe, dot: Value): Value {
    this.#at = pipe
    let piped: Piped = none
    for (const call of pipe.calls) piped = this.#call(call, dot, piped)
    const value = piped === none ? undefined : piped
    for (const name of pipe.variables) this.#set(name, value, pipe.assigns)
    return value
  }

  #call(call: Call, dot: Value, piped: Piped): Value {
    const first = call.words[0]!
    switch (first.kind) {
      case "field":
        this.#at = first
        return this.#path(dot, first.path, dot, first, call.words, piped)
      case "chain":
        return this.#path(this.#chained(first, dot), first.path, dot, first, call.words, piped)
      case "function":
        return this.#function(first, call, call.words, dot, piped)
      case "pipe":
        this.#refuseArguments(call.words, piped)
        return this.#pipe(first, dot)
      case "variable": {
        this.#at = first
        const value = this.#variable(first.path[0]!)
        if (first.path.length > 1) return this.#path(value, first.path.slice(1), dot, first, call.words, piped)
        this.#refuseArguments(call.words, piped)
        return value
      }
    }
    this.#at = first
    this.#refuseArguments(call.words, piped)
    if (first.kind === "nil") throw this.#fail("nil is not a command")
    return first.kind === "dot" ? dot : first.value
  }

  #refuseArguments(words: readonly Operand[], piped: Piped): void {
    if (words.length > 1 || piped !== none) throw this.#fail(`can't give argument to non-function ${show(words[0]!)}`)
  }

  #variable(name: string): Value {
    return this.#variables.findLast((variable) => variable.name === name)?.value
  }

  #chained(chain: Extract<Operand, { kind: "chain" }>, dot: Value): Value {
    this.#at = chain
    if (chain.of.kind === "nil") throw this.#fail(`indirection through explicit nil in ${show(chain)}`)
    return this.#argument(chain.of, "any", dot)
  }

  #path(
    from: Value,
    path: readonly string[],
    dot: Value,
    node: Operand,
    words: readonly Operand[],
    piped: Piped,
  ): Value {
    let value = from
    path.forEach((name, index) => {
      const last = index === path.length - 1
      value = this.#field(value, name, dot, node, last ? words : [], last ? piped : none)
    })
    return value
  }

  #field(of: Value, name: string, dot: Value, node: Operand, words: readonly Operand[], piped: Piped): Value {
    const hasArguments = words.length > 1 || piped !== none
    if (of === undefined) {
      if (this.#options.missingKey === "error") throw this.#fail(`nil data; no entry for key ${JSON.stringify(name)}`)
      return undefined
    }
    if (of === null) throw this.#fail(`nil pointer evaluating interface {}.${name}`)
    if (of instanceof Subject && Object.hasOwn(of.methods, name)) {
      const method = of.methods[name]!
      const plain = typeof method === "function"
      if (plain && !hasArguments) return this.#invoke(name, node, method)
      const callee: TemplateFunction = {
        parameters: plain ? [] : Array.from({ length: method.parameters }, (): Parameter => "string"),
        call: (...args) => (plain ? method() : method.invoke(...(args as string[]))),
      }
      return this.#apply(callee, name, node, words, dot, piped)
    }
    if (of instanceof Struct) {
      const found = of.lookup(name)
      if (found && hasArguments) throw this.#fail(`${name} has arguments but cannot be invoked as function`)
      if (found) return found.value
    } else if (of instanceof GoMap) {
      if (hasArguments) throw this.#fail(`${name} is not a method but has arguments`)
      if (of.entries.has(name)) return of.entries.get(name)
      if (this.#options.missingKey === "error") throw this.#fail(`map has no entry for key ${JSON.stringify(name)}`)
      return undefined
    }
    const type = this.#options.untyped && !(of instanceof Subject) ? "interface {}" : typeName(of)
    throw this.#fail(`can't evaluate field ${name} in type ${type}`)
  }

  #function(
    named: Extract<Operand, { kind: "function" }>,
    node: Operand | Call,
    words: readonly Operand[],
    dot: Value,
    piped: Piped,
  ): Value {
    this.#at = named
    const callee = this.#options.functions[named.name]!
    if (named.name === "and" || named.name === "or") return this.#shortCircuit(named.name, words, dot, piped)
    return this.#apply(callee, named.name, node, words, dot, piped)
  }

  #shortCircuit(name: "and" | "or", words: readonly Operand[], dot: Value, piped: Piped): Value {
    const rest = words.slice(1)
    if (rest.length === 0 && piped === none) throw this.#wrongCount(name, "at least 1", 0)
    let value: Value
    for (const word of rest) {
      value = this.#argument(word, "any", dot)
      if (isTrue(value) === (name === "or")) return value
    }
    return piped === none ? value : piped
  }

  #wrongCount(name: string, wanted: string, got: number): ExecutionError {
    return this.#fail(`wrong number of args for ${name}: want ${wanted} got ${got}`)
  }

  #apply(
    callee: TemplateFunction,
    name: string,
    node: Operand | Call,
    words: readonly Operand[],
    dot: Value,
    piped: Piped,
  ): Value {
    const given = Math.max(0, words.length - 1) + (piped === none ? 0 : 1)
    const wanted = callee.parameters.length
    if (callee.rest ? given < wanted : given !== wanted)
      throw this.#wrongCount(name, callee.rest ? `at least ${wanted}` : String(wanted), given)
    const parameter = (index: number): Parameter => callee.parameters[index] ?? callee.rest ?? "any"
    const args = words.slice(1).map((word, index) => this.#argument(word, parameter(index), dot))
    if (piped !== none) {
      const last = parameter(args.length)
      if (!fits(piped, last)) throw this.#mismatch(piped, last)
      args.push(piped)
    }
    return this.#invoke(name, node, () => callee.call(...args))
  }

  #invoke(name: string, node: Operand | Call, call: () => Value): Value {
    this.#at = node
    try {
      return call()
    } catch (error) {
      if (error instanceof TemplateError) throw error
      throw this.#fail(`error calling ${name}: ${(error as Error).message}`)
    }
  }

  #mismatch(value: Value, parameter: Parameter): ExecutionError {
    if (value === undefined) return this.#fail(`invalid value; expected ${wantedType(parameter)}`)
    return this.#fail(`wrong type for value; expected ${wantedType(parameter)}; got ${typeName(value)}`)
  }

  #argument(word: Operand, parameter: Parameter, dot: Value): Value {
    this.#at = word
    switch (word.kind) {
      case "nil":
        if (parameter === "any" || parameter === "strings") return parameter === "any" ? undefined : []
        throw this.#fail(`cannot assign nil to ${parameter}`)
      case "bool":
      case "number":
      case "string":
        if (fits(word.value, parameter)) return word.value
        if (parameter === "strings") throw this.#fail(`can't handle ${show(word)} for arg of type []string`)
        throw this.#fail(`expected ${parameter === "int" ? "integer" : "string"}; found ${show(word)}`)
    }
    const value = this.#operand(word, dot)
    if (!fits(value, parameter)) throw this.#mismatch(value, parameter)
    return value
  }

  #operand(word: Exclude<Operand, { kind: "nil" | "bool" | "number" | "string" }>, dot: Value): Value {
    switch (word.kind) {
      case "dot":
        return dot
      case "field":
        return this.#path(dot, word.path, dot, word, [], none)
      case "variable": {
        const value = this.#variable(word.path[0]!)
        return word.path.length > 1 ? this.#path(value, word.path.slice(1), dot, word, [], none) : value
      }
      case "pipe":
        return this.#pipe(word, dot)
      case "function":
        return this.#function(word, word, [], dot, none)
      case "chain":
        return this.#path(this.#chained(word, dot), word.path, dot, word, [], none)
    }
  }
}
