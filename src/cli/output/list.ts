import { Failure } from "../../errors/failure.ts"
import { ExecutionError } from "../../std/template/execute.ts"
import { headingFunctions } from "../../std/template/functions.ts"
import { TemplateError } from "../../std/template/lex.ts"
import { Template } from "../../std/template/template.ts"
import { type Method, type Struct, Subject } from "../../std/template/value.ts"
import { alignColumns } from "./table.ts"

/** Column names by field. */
export type Headings = Readonly<Record<string, string>>

/**
 * Prints the rows of a list in a `--format`: `table TEMPLATE` with headings and aligned columns, `json` with one object
 * per line, otherwise the template once per row. Default formats (`table` alone, `raw`) are the caller's to resolve.
 *
 * @throws Failure invalidArgument `template parsing error: …`
 */
export function formatList(format: string, headings: Headings, rows: readonly (Subject | Struct)[]): string {
  const isTable = format.startsWith("table")
  const text = templateText(format)
  try {
    const template = new Template(text)
    const body = rows.map((row) => `${template.execute(row)}\n`).join("")
    return isTable ? alignColumns(`${headingOf(template, headings)}\n${body}`) : body
  } catch (error) {
    if (error instanceof TemplateError) throw new Failure("invalidArgument", `template parsing error: ${error.message}`)
    throw error
  }
}

function templateText(format: string): string {
  if (format === "json") return "{{json .}}"
  const template = format.startsWith("table") ? format.slice("table".length) : format
  return template
    .replace(/^ +| +$/g, "")
    .replaceAll("\\t", "\t")
    .replaceAll("\\n", "\n")
}

function headingOf(template: Template, headings: Headings): string {
  const methods: Record<string, Method> = {
    Label: { parameters: 1, invoke: (name) => name.split(".").at(-1)!.replace(/[-_]/g, " ") },
  }
  for (const [field, heading] of Object.entries(headings)) methods[field] = () => heading
  try {
    return template.execute(new Subject("formatter.SubHeaderContext", methods), { functions: headingFunctions })
  } catch (error) {
    if (error instanceof ExecutionError) return error.partial
    throw error
  }
}

/** Labels as lists show them: `a=b,k=v`. */
export const joinLabels = (labels: Readonly<Record<string, string>> | null | undefined): string =>
  Object.entries(labels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(",")

/** The `Label "name"` method of rows. */
export const labelMethod = (labels: Readonly<Record<string, string>> | null | undefined): Method => ({
  parameters: 1,
  invoke: (name) => labels?.[name] ?? "",
})

/** Orders names as people do: digits by their number. */
export const naturalOrder = (one: string, other: string): number => {
  const parts = /\d+|\D+/g
  const [left, right] = [one.match(parts) ?? [], other.match(parts) ?? []]
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const [a, b] = [left[at]!, right[at]!]
    if (a === b) continue
    if (/^\d/.test(a) && /^\d/.test(b)) {
      const difference = Number(a) - Number(b)
      if (difference !== 0) return difference
      return a.length - b.length
    }
    return a < b ? -1 : 1
  }
  return left.length - right.length
}
