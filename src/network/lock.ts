import { createServer } from "node:net"
import { Failure } from "../errors/failure.ts"

/** Held by the one daemon that owns a bridge. */
export interface BridgeLock {
  release(): void
}

/**
 * Claims a bridge's name for this process, as an abstract unix socket: like the bridge it belongs to the network
 * namespace, and it goes with the process. Without it a second daemon would take the first one's interfaces for remains.
 * @throws conflict when another process has it
 */
export function lockBridge(bridge: string): Promise<BridgeLock> {
  const server = createServer((socket) => socket.destroy())
  return new Promise((resolve, reject) => {
    server.once("error", (error: Error & { readonly code?: string }) =>
      reject(
        error.code === "EADDRINUSE"
          ? new Failure("conflict", `bridge ${bridge} belongs to another running daemon; choose another with --bridge`)
          : error,
      ),
    )
    server.listen(`\0barge/bridge/${bridge}`, () => {
      server.unref()
      resolve({ release: () => void server.close() })
    })
  })
}
