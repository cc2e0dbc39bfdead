import type { ContainerConfig } from "../../api/container-config.ts"
import { defaultPath } from "../../runtime/defaults.ts"
import { variableName } from "./merge.ts"

/**
 * The variables of a container's processes: PATH, HOSTNAME and, with a terminal, TERM; then those of its links, then
 * the container's own.
 */
export function environmentOf(config: ContainerConfig, linked: readonly string[] = []): string[] {
  const terminal = config.Tty ? ["TERM=xterm"] : []
  const defaults = [`PATH=${defaultPath}`, `HOSTNAME=${config.Hostname}`, ...terminal, ...linked]
  return withVariables(defaults, config.Env ?? [])
}

/** `base` with `lines` on top: each replaces the variable of its name where that stands; a name without `=` takes it away. */
export function withVariables(base: readonly string[], lines: readonly string[]): string[] {
  const variables = new Map(base.map((line) => [variableName(line), line]))
  for (const line of lines) {
    if (line.includes("=")) variables.set(variableName(line), line)
    else variables.delete(line)
  }
  return [...variables.values()]
}
