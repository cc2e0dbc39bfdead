import { spawn } from "node:child_process"
import { closeSync, mkdirSync, openSync } from "node:fs"
import { join } from "node:path"
import { Failure } from "../errors/failure.ts"
import { writeHandover } from "./handover.ts"
import type { Inherited, KeptDescriptors } from "./process.ts"

/** Where everything of a run root's shim is. */
export const shimFolder = (runRoot: string): string => join(runRoot, "shim")

/** The shim's socket. */
export const shimSocket = (runRoot: string): string => join(shimFolder(runRoot), "shim.sock")

/** A shim's exit code when another one holds the run root. */
export const otherShim = 75

/**
 * Starts the shim in a session of its own, with nothing inherited: it outlives this process, its process group and its
 * terminal. If another one holds the run root already it ends at once, without harm.
 * @param command the program and its first words, as `selfCommand` gives them
 * @param kept descriptors of processes that a shim before left, by process and name; they stay the caller's
 * @returns a promise of its end
 */
export function launchShim(
  runRoot: string,
  command: readonly string[],
  kept: ReadonlyMap<string, KeptDescriptors>,
): { readonly ended: Promise<number | null> } {
  const folder = shimFolder(runRoot)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const journal = openSync(join(folder, "shim.log"), "a", 0o600)
  try {
    const [program, ...words] = command
    const { path, descriptors } = handOver(folder, kept)
    const child = spawn(program!, [...words, "shim", "--run-root", runRoot, ...(path ? ["--handover", path] : [])], {
      cwd: "/",
      detached: true,
      env: { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdio: ["ignore", journal, journal, ...descriptors],
    })
    child.unref()
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once("exit", (code) => resolve(code))
      child.once("error", (error) =>
        reject(new Failure("internal", `the shim cannot be started: ${error.message}`, error)),
      )
    })
    ended.catch(() => {})
    return { ended }
  } finally {
    closeSync(journal)
  }
}

/** Numbers descriptors as the new process will have them: from 3 on. */
function handOver(folder: string, kept: ReadonlyMap<string, KeptDescriptors>) {
  const descriptors: number[] = []
  const processes: Record<string, Inherited> = {}
  for (const [key, own] of kept) {
    const renumbered: Record<string, number> = {}
    for (const [name, descriptor] of Object.entries(own) as [string, number][]) {
      renumbered[name] = 3 + descriptors.length
      descriptors.push(descriptor)
    }
    processes[key] = { descriptors: renumbered }
  }
  const path = kept.size > 0 ? writeHandover(folder, { processes, connections: [] }) : undefined
  return { path, descriptors }
}
