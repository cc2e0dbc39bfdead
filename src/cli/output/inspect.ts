import { decodeJson } from "../../std/json.ts"
import { TemplateError } from "../../std/template/lex.ts"
import { Template } from "../../std/template/template.ts"
import { fromJson } from "../../std/template/value.ts"
import { Exit } from "../command.ts"
import { indentJson } from "./indent-json.ts"
import { typedJson } from "./typed-json.ts"

/** The exit code of a `--format` that is no template. */
const badFormat = 64

/** Collects objects, as the daemon wrote them, and prints them as the `inspect` commands do. */
export class Inspector {
  readonly #template: Template | undefined
  readonly #json: boolean
  readonly #printed: string[] = []

  /** @throws Exit 64 `template parsing error: …` */
  constructor(format: string) {
    this.#json = format === "json"
    this.#template = format === "" || this.#json ? undefined : inspectTemplate(format)
  }

  /** Adds an object. @throws Exit 1 `template parsing error: …` when the template cannot be executed over it */
  add(text: string): void {
    this.#printed.push(this.#template ? executeOver(this.#template, text) : text.trim())
  }

  /** Everything added so far. Without any, templates print an empty line and JSON is an empty list. */
  toString(): string {
    if (this.#template) return this.#printed.map((line) => `${line}\n`).join("") || "\n"
    if (this.#json) return `[${this.#printed.join(",")}]\n`
    return `${indentJson(`[${this.#printed.join(",")}]`)}\n`
  }
}

/** The template of a `--format` for single objects. @throws Exit 64 `template parsing error: …` */
export function inspectTemplate(format: string): Template {
  try {
    return new Template(format)
  } catch (error) {
    if (error instanceof TemplateError) throw new Exit(badFormat, `template parsing error: ${error.message}`)
    throw error
  }
}

/**
 * Docker first executes a template over Go's struct, then, if that fails, over the plain JSON, whose keys may be ones
 * that the struct has not; there an absent key is an error.
 */
function executeOver(template: Template, text: string): string {
  const json = decodeJson(text)
  try {
    return template.execute(typedJson(json))
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
  }
  try {
    return template.execute(fromJson(json), { missingKey: "error", untyped: true })
  } catch (error) {
    if (error instanceof TemplateError) throw new Exit(1, `template parsing error: ${error.message}`)
    throw error
  }
}
