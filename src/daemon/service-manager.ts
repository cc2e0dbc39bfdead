import { closeSync } from "node:fs"
import { messageOf } from "../errors/failure.ts"
import { connectUnixDatagram, sendNow } from "../linux/unix-socket.ts"
import type { Log } from "../std/log.ts"

/** What a service manager is told of its service (sd_notify(3)). */
export type ServiceState = "READY=1" | "STOPPING=1"

/**
 * Tells the service manager that started this process how it is, where one wants to know (units of `Type=notify`). That
 * it cannot be told is logged, and no reason to stop serving.
 */
export function tellServiceManager(state: ServiceState, log: Log): void {
  const path = process.env["NOTIFY_SOCKET"]
  if (!path) return
  try {
    const socket = connectUnixDatagram(path)
    try {
      sendNow(socket, Buffer.from(state))
    } finally {
      closeSync(socket)
    }
  } catch (error) {
    log.warn("the service manager cannot be told", { state, error: messageOf(error) })
  }
}
