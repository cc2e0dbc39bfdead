import { readlinkSync } from "node:fs"
import { Failure } from "../errors/failure.ts"

/**
 * The namespaces in which a shim mounts, starts and connects containers and that are not this process's: a daemon may have
 * been started in others than the one before it. Then the shim does not see what the daemon mounts.
 * @returns their names in /proc, none when the shim cannot be looked at
 */
export function otherNamespaces(shim: number): readonly string[] {
  return ["mnt", "net"].filter((name) => {
    try {
      return readlinkSync(`/proc/${shim}/ns/${name}`) !== readlinkSync(`/proc/self/ns/${name}`)
    } catch {
      return false
    }
  })
}

/** Why no container can be started through a shim that runs in other namespaces, and what to do. */
export function elsewhere(shim: number, namespaces: readonly string[]): Failure {
  const words: Readonly<Record<string, string>> = { mnt: "mount", net: "network" }
  const named = namespaces.map((name) => words[name]).join(" and ")
  const options = namespaces.map((name) => `--${words[name]}`.replace("network", "net")).join(" ")
  return new Failure(
    "conflict",
    `the shim (PID ${shim}) runs in another ${named} namespace than this daemon, with containers of an earlier daemon: ` +
      `stop them, or start the daemon there (nsenter --target ${shim} ${options} barge daemon)`,
  )
}
