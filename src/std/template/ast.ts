/** What a template parses to. `pos` is the offset in the template's text that errors point to. */
export type Operand =
  | { readonly kind: "dot"; readonly pos: number }
  | { readonly kind: "nil"; readonly pos: number }
  | { readonly kind: "bool"; readonly pos: number; readonly value: boolean }
  | { readonly kind: "number"; readonly pos: number; readonly text: string; readonly value: number | bigint }
  | { readonly kind: "string"; readonly pos: number; readonly text: string; readonly value: string }
  | { readonly kind: "function"; readonly pos: number; readonly name: string }
  | { readonly kind: "field"; readonly pos: number; readonly path: readonly string[] }
  | { readonly kind: "variable"; readonly pos: number; readonly path: readonly string[] }
  | { readonly kind: "chain"; readonly pos: number; readonly of: Operand; readonly path: readonly string[] }
  | Pipe

export interface Call {
  readonly kind: "call"
  readonly pos: number
  readonly words: readonly Operand[]
}

export interface Pipe {
  readonly kind: "pipe"
  readonly pos: number
  /** Names with their dollar sign. */
  readonly variables: readonly string[]
  /** `=` changes a variable, `:=` declares one. */
  readonly assigns: boolean
  readonly calls: readonly Call[]
}

export interface Control {
  readonly kind: "if" | "with" | "range"
  readonly pos: number
  readonly pipe: Pipe
  readonly body: readonly Node[]
  readonly otherwise: readonly Node[] | undefined
}

export type Node =
  | { readonly kind: "text"; readonly pos: number; readonly text: string }
  | { readonly kind: "action"; readonly pos: number; readonly pipe: Pipe }
  | Control
  | { readonly kind: "break" | "continue"; readonly pos: number }
  | { readonly kind: "template"; readonly pos: number; readonly name: string; readonly pipe: Pipe | undefined }

export interface Parsed {
  readonly text: string
  readonly body: readonly Node[]
  /** What `define` and `block` named. */
  readonly defined: ReadonlyMap<string, readonly Node[]>
}

/** A node as error messages quote it. */
export function show(node: Operand | Call | Node): string {
  switch (node.kind) {
    case "dot":
      return "."
    case "nil":
      return "nil"
    case "bool":
      return String(node.value)
    case "number":
    case "string":
    case "text":
      return node.text
    case "function":
      return node.name
    case "field":
      return node.path.map((name) => `.${name}`).join("")
    case "variable":
      return node.path.join(".")
    case "chain":
      return `${node.of.kind === "pipe" ? `(${show(node.of)})` : show(node.of)}${node.path.map((name) => `.${name}`).join("")}`
    case "call":
      return node.words.map((word) => (word.kind === "pipe" ? `(${show(word)})` : show(word))).join(" ")
    case "pipe": {
      const names = node.variables.join(", ")
      return `${names && `${names} ${node.assigns ? "=" : ":="} `}${node.calls.map(show).join(" | ")}`
    }
    case "action":
      return `{{${show(node.pipe)}}}`
    case "template":
      return `{{template ${JSON.stringify(node.name)}${node.pipe ? ` ${show(node.pipe)}` : ""}}}`
    case "break":
    case "continue":
      return `{{${node.kind}}}`
    default:
      return `{{${node.kind} ${show(node.pipe)}}}`
  }
}
