import { defaultPath } from "../defaults.ts"

/** The variables that every process has: PATH, HOSTNAME and, with a terminal, TERM. */
export const usualVariables = (options: { readonly hostname: string; readonly terminal: boolean }): string[] => [
  `PATH=${defaultPath}`,
  `HOSTNAME=${options.hostname}`,
  ...(options.terminal ? ["TERM=xterm"] : []),
]

/** The name of a variable written `NAME=VALUE` or `NAME`. */
export const variableName = (line: string): string => line.split("=", 1)[0]!

/** `base` with `lines` on top: each replaces the variable of its name where that stands; a name without `=` takes it away. */
export function withVariables(base: readonly string[], lines: readonly string[]): string[] {
  const variables = new Map(base.map((line) => [variableName(line), line]))
  for (const line of lines) {
    if (line.includes("=")) variables.set(variableName(line), line)
    else variables.delete(line)
  }
  return [...variables.values()]
}
