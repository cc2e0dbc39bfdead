import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { messageOf } from "../errors/failure.ts"
import { runtimeEnvironment } from "./launch.ts"

const run = promisify(execFile)

/** Checkpoint/Restore In Userspace: the program that OCI runtimes write processes to disk with. */
export class Criu {
  #works = false

  /**
   * Why it cannot be used: it is not there, or says itself that it does not know this kernel; undefined when it can. Asked
   * until it works: it may be installed while the daemon runs.
   */
  async fault(): Promise<string | undefined> {
    if (this.#works) return undefined
    try {
      await run("criu", ["check"], { env: { ...runtimeEnvironment } })
      this.#works = true
      return undefined
    } catch (error) {
      const { code, stdout = "", stderr = "" } = error as { code?: unknown; stdout?: string; stderr?: string }
      if (code === "ENOENT") return "CRIU is not installed (Debian's package criu has it)"
      const said = `${stdout}${stderr}`.split("\n").find((line) => line.trim() !== "") ?? messageOf(error)
      return `CRIU cannot work on this host; "criu check" says: ${said.trim()}`
    }
  }
}
