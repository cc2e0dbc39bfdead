import { spawn } from "node:child_process"
import { closeSync, mkdirSync, openSync } from "node:fs"
import { join } from "node:path"
import { Failure } from "../errors/failure.ts"
import { sendHandover } from "./handover.ts"
import type { KeptDescriptors } from "./process.ts"

/** Where everything of a run root's shim is. */
export const shimFolder = (runRoot: string): string => join(runRoot, "shim")

/** The shim's socket. */
export const shimSocket = (runRoot: string): string => join(shimFolder(runRoot), "shim.sock")

/** The number of the first descriptor in the shim that is not its stdio. */
const firstInherited = 3

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
    const handover = kept.size > 0 ? sendHandover(folder, kept, firstInherited) : undefined
    const given = handover ? ["--handover", handover.path] : []
    const child = spawn(program!, [...words, "shim", "--run-root", runRoot, ...given], {
      cwd: "/",
      detached: true,
      env: { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdio: ["ignore", journal, journal, ...(handover ? [handover.carrier] : [])],
    })
    if (handover) closeSync(handover.carrier)
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
