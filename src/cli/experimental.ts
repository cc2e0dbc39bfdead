import type { ClientConfig } from "./client-config.ts"
import { Exit } from "./command.ts"
import { surroundings } from "./connect.ts"
import type { Flags, Values } from "./flags/flag.ts"
import type { globalFlags } from "./global-flags.ts"

/** What of a command line is for daemons with experimental features alone, as docker names it. */
export function experimentalParts(
  path: string,
  { experimental, flags, given }: { experimental: boolean; flags: Flags; given: ReadonlySet<string> },
): readonly string[] {
  const names = Object.keys(flags).filter((name) => flags[name]!.experimental && given.has(name))
  return [...(experimental ? [path] : []), ...names.map((name) => `"--${name}"`)]
}

/** Refuses `parts` when the daemon has no experimental features. One that does not answer is asked by the command itself. */
export async function checkExperimental(
  parts: readonly string[],
  asked: {
    readonly program: string
    readonly globals: Values<ReturnType<typeof globalFlags>>
    readonly config: ClientConfig
  },
): Promise<void> {
  if (parts.length === 0) return
  const docker = surroundings(asked).connect()
  try {
    if (await docker.transport.experimental().catch(() => true)) return
  } finally {
    docker.close()
  }
  const daemon = asked.program === "docker" ? "Docker" : "Barge"
  const lines = parts.map(
    (part) => `${part} is only supported on a ${daemon} daemon with experimental features enabled`,
  )
  throw new Exit(1, lines.join("\n"))
}
