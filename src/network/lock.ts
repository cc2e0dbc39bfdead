import { closeSync, fstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { Failure } from "../errors/failure.ts"
import { takeLockFile } from "../linux/lock-file.ts"
import { peerOf } from "../linux/socket.ts"
import { connectUnix } from "../linux/unix-socket.ts"

/** Held by the one daemon that owns a bridge. */
export interface BridgeLock {
  release(): void
}

/** Holds a file for each bridge, whatever run roots the daemons have. Out of reach of containers, unlike a socket's name. */
const folder = "/run/barge-bridges"

/**
 * Claims a bridge's name for this process, in its network namespace: the kernel drops the claim with the process. Without it
 * a second daemon would take the first one's interfaces for remains.
 * @throws conflict when another daemon has it
 */
export async function lockBridge(bridge: string): Promise<BridgeLock> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const [, namespace = "0"] = /\[(\d+)\]/.exec(readlinkSync("/proc/self/ns/net")) ?? []
  const path = join(folder, `${namespace}-${bridge}`)
  const file = take(path, `bridge ${bridge}`)
  const release = () => {
    rmSync(path, { force: true })
    closeSync(file)
  }
  try {
    const older = await lockAsOlderBuilds(bridge)
    return {
      release: () => {
        older?.release()
        release()
      },
    }
  } catch (error) {
    release()
    throw error
  }
}

/** Takes a lock file that others remove when they let go of it. @throws conflict */
function take(path: string, subject: string): number {
  for (;;) {
    const file = takeLockFile(path, subject, "--bridge")
    if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(file).ino) return file
    closeSync(file)
  }
}

/**
 * Older builds have an abstract unix socket of the network namespace for a lock. Any container of `--network host` could take
 * its name, and so keep the daemon from starting.
 * @returns undefined when a process has it that is no daemon
 * @throws conflict when another daemon has it
 */
function lockAsOlderBuilds(bridge: string): Promise<BridgeLock | undefined> {
  const name = `barge/bridge/${bridge}`
  const server = createServer((socket) => socket.destroy())
  return new Promise((resolve, reject) => {
    server.once("error", (error: Error & { readonly code?: string }) => {
      if (error.code !== "EADDRINUSE") reject(error)
      else if (!mayBeDaemon(name)) resolve(undefined)
      else {
        const text = `bridge ${bridge} belongs to another running daemon; choose another with --bridge`
        reject(new Failure("conflict", text))
      }
    })
    server.listen(`\0${name}`, () => {
      server.unref()
      resolve({ release: () => void server.close() })
    })
  })
}

/** Whether whoever listens on an abstract name may administer networks, without which nobody is a daemon. */
function mayBeDaemon(name: string): boolean {
  try {
    const socket = connectUnix(`@${name}`)
    try {
      const effective = /^CapEff:\s*(\w+)$/m.exec(readFileSync(`/proc/${peerOf(socket)}/status`, "latin1"))?.[1]
      return (BigInt(`0x${effective}`) & CAP_NET_ADMIN) !== 0n
    } finally {
      closeSync(socket)
    }
  } catch {
    // Not to be seen from here.
    return true
  }
}

const CAP_NET_ADMIN = 1n << 12n
