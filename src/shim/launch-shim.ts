import { spawn } from "node:child_process"
import { closeSync, mkdirSync, openSync } from "node:fs"
import { join } from "node:path"
import { Failure } from "../errors/failure.ts"

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
 * @returns a promise of its end
 */
export function launchShim(runRoot: string, command: readonly string[]): { readonly ended: Promise<number | null> } {
  const folder = shimFolder(runRoot)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const journal = openSync(join(folder, "shim.log"), "a", 0o600)
  try {
    const [program, ...words] = command
    const child = spawn(program!, [...words, "shim", "--run-root", runRoot], {
      cwd: "/",
      detached: true,
      env: { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdio: ["ignore", journal, journal],
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
