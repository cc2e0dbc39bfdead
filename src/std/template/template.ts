import type { Parsed } from "./ast.ts"
import { type Execution, execute } from "./execute.ts"
import { type Functions, functions as standardFunctions } from "./functions.ts"
import { parse } from "./parse.ts"
import type { Value } from "./value.ts"

/** A Go text/template as users write it for `--format`. */
export class Template {
  readonly #parsed: Parsed

  /** @throws TemplateError `template: :1: …` in Go's words */
  constructor(text: string) {
    this.#parsed = parse(text, (name) => Object.hasOwn(standardFunctions, name))
  }

  /** Prints `data`. @throws ExecutionError in Go's words, with what had been printed until then */
  execute(data: Value, options: Partial<Execution> & { readonly functions?: Functions } = {}): string {
    return execute(this.#parsed, data, { functions: standardFunctions, missingKey: "noValue", ...options })
  }
}
