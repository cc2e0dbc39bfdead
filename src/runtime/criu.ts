import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { messageOf } from "../errors/failure.ts"
import { runtimeEnvironment } from "./launch.ts"

const run = promisify(execFile)
const env = { ...runtimeEnvironment }

/** Checkpoint/Restore In Userspace: the program that OCI runtimes write processes to disk with. */
export class Criu {
  #works = false

  /**
   * Why it cannot be used: it is not there, or says itself that it does not know this kernel; undefined when it can. Asked
   * until it works: it may be installed while the daemon runs.
   */
  async fault(): Promise<string | undefined> {
    if (this.#works) return undefined
    const faults = (await Promise.all([checkFault(), filterFault()])).filter((fault) => fault !== undefined)
    this.#works = faults.length === 0
    return this.#works ? undefined : faults.join("; ")
  }
}

async function checkFault(): Promise<string | undefined> {
  try {
    await run("criu", ["check"], { env })
    return undefined
  } catch (error) {
    const { code, stdout = "", stderr = "" } = error as { code?: unknown; stdout?: string; stderr?: string }
    if (code === "ENOENT") return "CRIU is not installed: install the package criu"
    const said = `${stdout}${stderr}`.split("\n").find((line) => line.trim() !== "") ?? messageOf(error)
    return `CRIU cannot work on this host; "criu check" says: ${said.trim()}`
  }
}

/** CRIU holds the network still with iptables. Told to take nftables by runc's way, 3.17.1 crashes. */
async function filterFault(): Promise<string | undefined> {
  try {
    await run("iptables-restore", ["--version"], { env })
    return undefined
  } catch {
    return "CRIU needs iptables-restore: install the package iptables"
  }
}
