import { execFile } from "node:child_process"
import { promisify } from "node:util"

const run = promisify(execFile)
/** Milliseconds that an init program may take to say its version. */
const patience = 2000

/** The version of the program behind `--init`, as it says itself; its path when it says nothing of the kind. */
export async function initVersion(path: string): Promise<string> {
  try {
    const { stdout, stderr } = await run(path, ["--version"], { timeout: patience })
    return /(\d+\.\d+(?:\.\d+)*)/.exec(stdout + stderr)?.[1] ?? path
  } catch {
    return path
  }
}
