import { Failure, messageOf } from "../../errors/failure.ts"
import type { Labels } from "../metadata/labels.ts"
import { parseFilter, type Selector } from "./parse.ts"

/** The value of an object's field; undefined when it has none, or no such field. */
export type FieldOf = (path: readonly string[]) => string | undefined

/** Whether an object is wanted. */
export type Filter = (field: FieldOf) => boolean

/**
 * One filter of several in containerd's syntax ({@link parseFilter}): an object matches when it matches one of them, and a filter when all
 * of its selectors do. Without filters everything matches.
 * @throws invalidArgument
 */
export function anyOf(filters: readonly string[] = []): Filter {
  const alternatives = filters.map((text) => parseFilter(text).map(test))
  if (alternatives.length === 0) return () => true
  return (field) => alternatives.some((tests) => tests.every((matches) => matches(field)))
}

function test({ path, operator, value }: Selector): Filter {
  if (operator === "present") return (field) => field(path) !== undefined
  if (operator === "==") return (field) => field(path) === value
  if (operator === "!=") return (field) => field(path) !== value
  let pattern: RegExp
  try {
    pattern = new RegExp(value, "u")
  } catch (error) {
    throw new Failure("invalidArgument", `filter value ${JSON.stringify(value)}: ${messageOf(error)}`, error)
  }
  return (field) => pattern.test(field(path) ?? "")
}

/** The value of one label: its key is the rest of a path, dots included. */
export const labelAt = (labels: Labels, path: readonly string[]): string | undefined => {
  const key = path.join(".")
  return Object.hasOwn(labels, key) ? labels[key] : undefined
}

/** A text that protocol buffers do not tell from an absent one. */
export const orAbsent = (text: string | undefined): string | undefined => text || undefined
