import { spawnSync } from "node:child_process"
import { Failure } from "../errors/failure.ts"

/** The programs for one family of addresses and one of the kernel's two packet filters: `PROGRAM-save` and `PROGRAM-restore`. */
export type Iptables = "iptables-nft" | "ip6tables-nft" | "iptables-legacy" | "ip6tables-legacy"

/** The filter table as `PROGRAM-save` prints it. Blocks for some milliseconds. @throws unavailable with the program's words */
export function saveFilterTable(program: Iptables): string {
  return run(`${program}-save`, ["-t", "filter"], "")
}

/**
 * Applies commands to the filter table at one moment, all or none; everything that they do not name stays. `:CHAIN - [0:0]`
 * makes a chain, or empties it. Blocks for some milliseconds. @throws unavailable with the program's words
 */
export function changeFilterTable(program: Iptables, commands: readonly string[]): void {
  run(`${program}-restore`, ["--noflush", "-w"], ["*filter", ...commands, "COMMIT", ""].join("\n"))
}

function run(command: string, args: readonly string[], input: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { input, encoding: "utf8" })
  if (status === 0) return stdout
  const missing = (error as { code?: string } | undefined)?.code === "ENOENT"
  const why = missing ? "it is not installed (Debian and Ubuntu: apt-get install iptables)" : stderr.trim()
  throw new Failure("unavailable", `${command} failed: ${why || (error?.message ?? `it ended with ${status}`)}`)
}
